#include "apps/papers/paper_text.h"

#include <fmt/ranges.h>

#include <sstream>

#include "apps/cli/terminal.h"
#include "apps/papers/experiment.h"
#include "apps/papers/recorded.h"
#include "apps/papers/result_table.h"

namespace gradus {
namespace {

std::string recorded_minutes(const std::string& slug) {
  const Record* record = recorded_result(slug);
  return record ? fmt::format("{:.1f}", record->minutes) : "-";
}

std::string indented_lines(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out + "\n";
}

std::string source_text(const Paper& p) {
  return fmt::format("{}, {} {}{}", p.authors, p.venue, p.year, p.arxiv.empty() ? "" : ", arXiv " + p.arxiv);
}

std::vector<std::string> slot_row(const char* way, const CaseSlot& slot) {
  return {
      way, slot.name, "(" + slot.shape + ")",
      std::string(slot.type == CaseType::kInt ? "integers" : "numbers") + (slot.optional ? ", optional" : ""),
      slot.help};
}

std::string function_text(const CaseFunction& f) {
  std::string text = fmt::format("  {}: {}\n", f.text.name, f.text.summary);
  std::vector<std::vector<std::string>> rows;
  for (const CaseSlot& slot : f.text.inputs) rows.push_back(slot_row("in", slot));
  for (const CaseSlot& slot : f.text.outputs) rows.push_back(slot_row("out", slot));
  for (const OptionInfo& o : f.options) {
    const std::string what = o.limits.empty() ? o.type : o.limits;
    rows.push_back({"option", o.name, o.default_value.empty() ? "-" : o.default_value, what, o.help});
  }
  std::istringstream lines(columns(rows));
  for (std::string line; std::getline(lines, line);) text += "    " + line + "\n";
  return text;
}

std::string experiment_text(const Paper& paper) {
  Experiment e;
  paper.experiment(e);
  std::string text = "\nexperiment\n";
  for (const Arm& arm : e.arms()) {
    std::vector<std::string> parts;
    for (const auto& [key, value] : arm.changes()) parts.push_back(key + " " + value);
    for (const auto& [key, value] : arm.options()) parts.push_back(key + "=" + value);
    for (const auto& d : arm.grid())
      parts.push_back(fmt::format("{} of {}", d.key, fmt::join(d.values, ", ")));
    text += fmt::format("  {}: {}\n", arm.name(), fmt::join(parts, "; "));
  }
  text += "\nclaims\n";
  for (const auto& named : e.claims())
    text += fmt::format("  {}{}\n", named.text, named.claim.central ? "" : " (only reported)");
  return text;
}

}  // namespace

std::string papers_table(const std::vector<const Paper*>& selected) {
  std::vector<std::vector<std::string>> rows = {{"paper", "verdict", "minutes", "title"}};
  for (const Paper* p : selected)
    rows.push_back({p->slug, recorded_verdict(p->slug), recorded_minutes(p->slug), p->title});
  return columns(rows);
}

std::string papers_markdown(const std::vector<const Paper*>& selected) {
  std::string text =
      "| paper | family | title | published | verdict | minutes |\n|---|---|---|---|---|---|\n";
  for (const Paper* p : selected)
    text += fmt::format("| [{0}]({1}/{0}.cpp) | {1} | {2} | {3} {4} | {5} | {6} |\n", p->slug, p->family,
                        p->title, p->venue, p->year, recorded_verdict(p->slug), recorded_minutes(p->slug));
  return text;
}

nlohmann::ordered_json papers_json(const std::vector<const Paper*>& selected) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Paper* p : selected) {
    const Record* record = recorded_result(p->slug);
    all.push_back({{"slug", p->slug},
                   {"family", p->family},
                   {"title", p->title},
                   {"authors", p->authors},
                   {"venue", p->venue},
                   {"year", p->year},
                   {"arxiv", p->arxiv}});
    all.back()["verdict"] =
        record ? nlohmann::ordered_json(verdict_name(record->verdict)) : nlohmann::ordered_json();
    all.back()["minutes"] = record ? nlohmann::ordered_json(record->minutes) : nlohmann::ordered_json();
  }
  return all;
}

std::string paper_text(const Paper& p) {
  std::string text = fmt::format("{}: {}\n{}\n\n{}\n\nequations\n{}", p.slug, p.title, source_text(p),
                                 wrapped(p.idea, 0, 100), indented_lines(p.equations));
  text += fmt::format("\nsource\n  apps/papers/{}/{}.cpp\n", p.family, p.slug);
  text += "\nfiles\n" + indented_lines(fmt::format("{}", fmt::join(p.files, "\n")));
  text += "\nuse\n" + indented_lines(p.use);
  if (!p.functions.empty()) text += "\nfunctions (see 'gradus replay')\n";
  for (const CaseFunction& f : p.functions) text += function_text(f);
  if (p.experiment)
    text += experiment_text(p) +
            fmt::format("\nrun      gradus papers run {} (up to {:.3g} minutes)\n", p.slug, p.minutes);
  const Record* record = recorded_result(p.slug);
  if (!record) return text + "recorded no\n";
  return text +
         fmt::format("recorded by {} on {}\n\n{}", record->version, record->machine, result_text(*record));
}

}  // namespace gradus
