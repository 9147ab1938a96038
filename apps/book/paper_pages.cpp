// Pages of papers: idea, verdict, claims, figures, what was tried, equations, the experiment as code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/book/book.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "apps/papers/paper.h"
#include "apps/papers/recorded.h"
#include "apps/papers/report_sections.h"
#include "apps/papers/report_text.h"
#include "optim/registry.h"

namespace gradus {
namespace {

std::string shape_words(const std::vector<CaseSlot>& slots) {
  std::string out;
  for (const CaseSlot& s : slots)
    out += (out.empty() ? "" : "; ") + s.name + " (" + (s.shape.empty() ? "scalar" : s.shape) + ")" +
           (s.help.empty() ? "" : ": " + s.help);
  return out;
}

Html paper_functions(const Paper& paper) {
  if (paper.functions.empty()) return {};
  html::Table table{.caption = "to be tried on small numbers with gradus replay",
                    .head = {html::cell("function"), html::cell("inputs"), html::cell("outputs")},
                    .rows = {}};
  for (const CaseFunction& f : paper.functions)
    table.rows.push_back(
        {html::row_head(html::code(f.text.name) + html::text(" ") + html::soft(f.text.summary)),
         html::cell(shape_words(f.text.inputs)), html::cell(shape_words(f.text.outputs))});
  return html::heading(2, "Functions", "functions") + html::table(table);
}

Html paper_body(const BookMaker& book, const Paper& paper, const std::string& from) {
  const Sources& sources = book.site.sources();
  const std::string file = fmt::format("apps/papers/{}/{}.cpp", paper.family, paper.slug);
  const std::string code = sources.has(file) ? sources.text(file) : "";
  Html origin = html::text(fmt::format("{}, {} {}", paper.authors, paper.venue, paper.year));
  if (!paper.arxiv.empty())
    origin += html::text(", ") + html::link("arXiv " + paper.arxiv, "https://arxiv.org/abs/" + paper.arxiv);
  Html out =
      html::paragraph(origin) + html::heading(2, "Idea", "idea") + html::paragraph(html::text(paper.idea));
  const Record* record = recorded_result(paper.slug);
  out += html::heading(2, "Verdict", "verdict");
  if (record) {
    out += html::paragraph(
        verdict_mark(record->verdict) +
        html::soft(fmt::format(" over {} seeds, {:.1f} minutes", record->seeds.size(), record->minutes)));
    out += html::heading(3, "Claims", "claims") + claim_table(*record) + record_plots(*record, paper.slug) +
           arm_table(*record) + tuning_table(*record) + settings_table(*record);
  } else {
    out +=
        html::paragraph(html::text("Not recorded. The claims are those of the experiment below; run it: ") +
                        html::code("gradus papers run " + paper.slug));
  }

  // The head of the experiment's file: equations, departures, what was tried where a claim did not show.
  const std::vector<HeadLine> head = head_lines(opening_comment(code));
  std::vector<HeadLine> remarks;
  for (const HeadLine& line : head)
    if (line.remark) remarks.push_back(line);
  const std::vector<HeadLine> equations = head_lines(paper.equations, true);
  Html left = html::heading(2, "Equations", "equations") +
              equations_view(equations, known_names(equations, {}), "", "");
  if (!remarks.empty())
    left += html::heading(2, "What its file says", "head") +
            equations_view(remarks, known_names(head, {}), "", "");
  left += html::heading(2, "Files of the method", "files");
  std::vector<Html> items;
  for (const std::string& f : paper.files) {
    Html item = book.site.source_link(f, from);
    for (const OptimizerEntry& entry : optimizers())
      if (entry.text.source == f)
        item += html::text(" ") + book.site.link(entry.text.name, from, entry_page("optim", entry.text.name));
    items.push_back(item);
  }
  left += html::list(items);
  if (!paper.use.empty()) left += html::heading(2, "Use", "use") + html::preformatted(paper.use, true);
  left += paper_functions(paper);
  const Html right = html::heading(2, "The experiment", "experiment") +
                     html::paragraph(book.site.source_link(file, from)) +
                     (code.empty() ? Html() : code_view(code));
  return out + beside(left, right);
}

}  // namespace

void paper_pages(BookMaker& book) {
  for (const Paper& paper : papers())
    book.page({.path = entry_page("paper", paper.slug),
               .title = paper.slug,
               .kind = "papers",
               .family = paper.family,
               .summary = paper.title,
               .body = {},
               .next = ""},
              [&](const BookPage& page) { return paper_body(book, paper, page.path); });
}

}  // namespace gradus
