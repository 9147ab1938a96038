#include "apps/papers/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "apps/papers/report_sections.h"
#include "apps/papers/report_text.h"
#include "apps/papers/zoo/zoo.h"
#include "apps/report/markup.h"

namespace gradus {
namespace {

// The comparison of all optimizers: one table.
Html zoo_section(const Record& record) {
  Html out = html::heading(2, zoo().title, zoo().slug);
  out += html::paragraph(html::text(zoo().idea));
  out +=
      html::paragraph(html::text("relative: geometric mean of the steps over AdamW's. + and -: fewer or more "
                                 "steps than AdamW at 5 %. In brackets: how many "
                                 "runs reached the target, where not all did; - where none did."));
  html::Table t{.head = {html::cell("optimizer"), html::number("relative")}};
  for (const std::string& network : zoo_networks()) {
    t.head.push_back(html::number(network));
    t.head.push_back(html::number("lr"));
  }
  for (const ZooRow& row : zoo_rows(record)) {
    t.rows.push_back(
        {html::row_head(html::text(row.name)), html::number(fmt::format("{:.2f}", row.relative))});
    for (const ZooScore& score : row.scores) {
      t.rows.back().push_back(html::number(zoo_cell(score)));
      t.rows.back().push_back(html::number(score.lr));
    }
  }
  out += html::table(t) + html::preformatted(record.command, true);
  return out + html::paragraph(html::soft(fmt::format("{} seeds, {:.0f} minutes; {}; {}", record.seeds.size(),
                                                      record.minutes, record.version, record.machine)));
}

Html paper_section(const Record& record, const Paper* paper) {
  const std::string slug = anchor_name(record.slug);
  Html out = html::heading(2, paper ? paper->title : record.slug, slug);
  if (paper) {
    Html origin = html::text(fmt::format("{}, {} {}", paper->authors, paper->venue, paper->year));
    if (!paper->arxiv.empty())
      origin +=
          html::text(", ") + html::link("arXiv " + paper->arxiv, "https://arxiv.org/abs/" + paper->arxiv);
    out += html::paragraph(origin);
    out += html::paragraph(html::text(paper->idea));
  }
  out += html::paragraph(
      verdict_mark(record.verdict) +
      html::soft(fmt::format(" over {} seeds, {:.1f} minutes", record.seeds.size(), record.minutes)));
  if (record.quick)
    out +=
        html::note(html::text("A smoke run (--quick): a few steps, whose figures say nothing of the paper."));
  out += claim_table(record) + record_plots(record, slug) + arm_table(record) + tuning_table(record) +
         settings_table(record);
  if (paper && !paper->equations.empty()) {
    Html method = html::preformatted(paper->equations);
    for (const std::string& file : paper->files) method += html::paragraph(html::code(file));
    if (!paper->use.empty()) method += html::preformatted(paper->use, true);
    out += html::details("Equations, files and use", method);
  }
  out += html::preformatted(record.command, true);
  return out + html::paragraph(html::soft(fmt::format("{}; {}", record.version, record.machine)));
}

struct IndexLine {
  const Record* record;  // null: none
  const Paper* paper;    // null: unknown to this program
};

Html index_table(const std::vector<IndexLine>& lines) {
  html::Table t{.head = {html::cell("paper"), html::cell("title"), html::cell("verdict"),
                         html::cell("claims"), html::number("minutes")}};
  std::string family = "\n";
  for (const IndexLine& line : lines) {
    const std::string its = line.paper ? line.paper->family : "not in this program";
    if (its != family) {
      family = its;
      t.rows.push_back({{.content = html::text(family), .span = 5}});
    }
    const std::string title =
        line.paper ? fmt::format("{} ({} {})", line.paper->title, line.paper->venue, line.paper->year) : "";
    if (!line.record) {
      t.rows.push_back({html::row_head(html::text(line.paper->slug)),
                        html::cell(title),
                        {html::soft("not run")},
                        html::cell(""),
                        html::cell("")});
      continue;
    }
    const auto& claims = line.record->claims;
    const auto shown = std::count_if(claims.begin(), claims.end(),
                                     [](const ClaimRecord& c) { return c.verdict == Verdict::kShown; });
    t.rows.push_back({html::row_head(html::link(line.record->slug, "#" + anchor_name(line.record->slug))),
                      html::cell(title),
                      {verdict_mark(line.record->verdict)},
                      html::cell(fmt::format("{} of {} shown", shown, claims.size())),
                      html::number(fmt::format("{:.1f}", line.record->minutes))});
  }
  return html::table(t);
}

// Known papers in their order, then records of others by slug.
std::vector<IndexLine> index_lines(const std::vector<Record>& records, const std::vector<Paper>& known,
                                   bool all) {
  std::vector<IndexLine> lines;
  std::set<std::string> done;
  for (const Paper& paper : known) {
    done.insert(paper.slug);
    const auto before = lines.size();
    for (const Record& r : records)
      if (r.slug == paper.slug) lines.push_back({&r, &paper});
    if (lines.size() == before && all) lines.push_back({nullptr, &paper});
  }
  const auto others = static_cast<std::ptrdiff_t>(lines.size());
  done.insert(zoo().slug);
  for (const Record& r : records)
    if (!done.contains(r.slug)) lines.push_back({&r, nullptr});
  std::stable_sort(lines.begin() + others, lines.end(),
                   [](const IndexLine& a, const IndexLine& b) { return a.record->slug < b.record->slug; });
  return lines;
}

}  // namespace

std::string papers_page(const std::vector<Record>& records, const std::vector<Paper>& known,
                        const std::vector<std::string>& complaints, bool all) {
  const std::vector<IndexLine> lines = index_lines(records, known, all);
  int counts[3] = {};
  int experiments = 0;
  for (const Record& r : records)
    if (r.slug != zoo().slug) ++counts[static_cast<int>(r.verdict)], ++experiments;
  Html body = html::paragraph(
      html::text(fmt::format("Verdicts of {} recorded experiments: {} shown, {} not shown, {} within noise. "
                             "Each claim is a one-sided test at 5 % over "
                             "the seeds, beyond its margin; a paper's verdict is that of its weakest claim.",
                             experiments, counts[0], counts[1], counts[2])));
  for (const std::string& c : complaints) body += html::note(html::text(c));
  body += index_table(lines);
  std::set<std::string> seen;
  for (const IndexLine& line : lines)
    if (line.record && seen.insert(line.record->slug).second) body += paper_section(*line.record, line.paper);
  for (const Record& r : records)
    if (r.slug == zoo().slug && seen.insert(r.slug).second) body += zoo_section(r);
  return html::page("Papers and their verdicts", body);
}

}  // namespace gradus
