// Pages of optimizers, wrappers and transforms.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/book/book.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "optim/registry.h"

namespace gradus {
namespace {

const Shape kBookCostShape{64, 64};

std::string plural_kind(const OptimizerEntry& entry) {
  return entry.transforms ? "gradient transforms" : entry.wraps ? "wrappers" : "optimizers";
}

std::vector<std::string> names_of(const std::vector<OptionInfo>& options) {
  std::vector<std::string> names;
  for (const OptionInfo& o : options) names.push_back(o.name);
  return names;
}

Html costs(const OptimizerEntry& entry) {
  const StateCost cost = state_cost(entry, kBookCostShape);
  const OptimizerTraits traits = traits_of(entry);
  std::vector<std::pair<std::string, std::string>> rows = {
      {"state", fmt::format("{:.4g} bytes a parameter{}", cost.bytes_per_parameter,
                            cost.slots.empty() ? "" : fmt::format(" ({})", fmt::join(cost.slots, ", ")))},
      {"a step moves", fmt::format("{:.4g} bytes a parameter", cost.bytes_moved)},
      {"asks for", fmt::format("{}", fmt::join(need_names(traits.needs), ", "))}};
  if (entry.text.extra_reads)
    rows.push_back({"passes", fmt::format("a fused one and {} more over a tensor of the parameters' size",
                                          entry.text.extra_reads)});
  if (traits.matrix)
    rows.push_back(
        {"matrices", "its step depends on how the elements of a matrix stand in rows and columns"});
  rows.push_back({"use", entry.wraps
                             ? fmt::format("--optim '{}({})'", entry.text.name,
                                           entry.text.name == "companion" ? "muon:lr=0.02|adamw:lr=1e-3"
                                                                          : "adam:lr=1e-3")
                             : fmt::format("--optim {}{}", entry.text.name,
                                           entry.options.empty() ? ""
                                                                 : ":" + entry.options[0].name + "=" +
                                                                       entry.options[0].default_value)});
  return html::heading(2, "State and cost", "cost") +
         html::table_of(rows, fmt::format("measured on a matrix of shape {} in {}{}", kBookCostShape.str(),
                                          kRealName, entry.wraps ? ", around plain SGD" : ""));
}

Html path_figures(const BookMaker& book, const std::string& name, const std::string& from) {
  const auto own = book.paths.find(name);
  if (own == book.paths.end()) return {};
  std::vector<std::string> plots;
  std::string why;
  for (const PlaneView& view : plane_views().first(kBookProblems)) {
    const auto found = own->second.find(view.problem);
    if (found == own->second.end()) continue;
    if (!found->second.why.empty()) {
      why = found->second.why;
      continue;
    }
    std::vector<NamedPath> paths{{name, found->second}};
    for (const char* other : {"sgd", "adam"})
      if (const auto entry = book.paths.find(other);
          name != other && entry != book.paths.end() && entry->second.contains(view.problem))
        paths.push_back({other, entry->second.at(view.problem)});
    plots.push_back(paths_svg(view, paths, book_link(from, fmt::format("picture/{}.svg", view.problem))));
  }
  Html out = html::heading(2, "Paths", "paths");
  if (plots.empty()) return out + html::paragraph(html::text("None: " + why + "."));
  out += html::figures(
      plots, fmt::format("{} steps from the cross, each method at that step size of one grid for all (1e-4, "
                         "3e-4, ..., 3) which ends lowest; recorded by gradus book record.",
                         kPathSteps));
  return out;
}

// Final loss over lr, beside SGD's and Adam's: on two functions of the paths, and on a small network.
Html sensitivity_figures(const BookMaker& book, const std::string& name) {
  std::vector<std::string> figures;
  const auto figure = [&](const std::string& title, const std::string& id, const auto& sweep_of) {
    std::vector<NamedPath> curves;
    for (const std::string& other : {name, std::string("sgd"), std::string("adam")}) {
      const std::vector<double> sweep = sweep_of(other);
      if (sweep.size() == path_rates().size() && (curves.empty() || other != name))
        curves.push_back({other, {.sweep = sweep}});
      if (curves.empty()) return;  // none of its own
    }
    figures.push_back(sweep_svg(title, curves, id));
  };
  figure(fmt::format("mlp on digits: loss after {} steps", kCurveSteps), "sweep-network",
         [&](const std::string& of) {
           const auto found = book.curves.find(of);
           return found == book.curves.end() ? std::vector<double>{} : found->second.loss;
         });
  for (const std::string problem : {"ravine", "rosenbrock"})
    figure(fmt::format("{}: loss after {} steps", problem, kPathSteps), "sweep-" + problem,
           [&](const std::string& of) {
             const auto found = book.paths.find(of);
             if (found == book.paths.end() || !found->second.contains(problem)) return std::vector<double>{};
             return found->second.at(problem).sweep;
           });
  Html out = html::heading(2, "Sensitivity to the step size", "sweep");
  if (!figures.empty())
    return out + html::figures(
                     figures,
                     fmt::format("What is missing has diverged. The network: 32 hidden units, batches of 64, "
                                 "mean training loss of the last {} steps over {} seeds, no "
                                 "schedule; recorded by gradus book record.",
                                 kCurveLast, kCurveSeeds));
  const auto own = book.curves.find(name);
  if (own == book.curves.end()) return {};
  if (!own->second.why.empty()) return out + html::paragraph(html::text("None: " + own->second.why + "."));
  return out + html::paragraph(html::text(
                   fmt::format("It has no step size to choose; on the network its loss ends at {:.3g}.",
                               own->second.loss.at(0))));
}

Html optimizer_body(const BookMaker& book, const OptimizerEntry& entry, const std::string& from) {
  const OptimizerText& text = entry.text;
  const Sources& sources = book.site.sources();
  const bool has_source = sources.has(text.source);
  const std::string code = has_source ? sources.text(text.source) : "";
  const std::vector<HeadLine> lines = head_lines(text.equations);
  std::vector<HeadLine> equations, remarks;
  for (const HeadLine& line : lines) (line.remark ? remarks : equations).push_back(line);
  const KnownNames known = known_names(lines, names_of(entry.options));

  Html left = html::paragraph(html::soft(text.paper)) + html::heading(2, "Equations", "equations") +
              equations_view(equations, known, code, "");
  left += html::paragraph(html::soft(
      "w, W: weights, as a vector or a matrix; g, G: their gradient; t: the step, counted "
      "from 1; L: the loss, H: its Hessian; I: the identity; i: one element of many; lr: the step "
      "size times the schedule's factor; ← sets anew, a prime is the transposed, or another point; "
      "the numbers are lines that assign the variable."));
  if (!remarks.empty())
    left += html::heading(2, "Remarks and departures", "departures") + equations_view(remarks, known, "", "");
  left += html::heading(2, "Options", "options") + options_html(entry.options) + costs(entry);
  left += verdicts_of(book, text.source, from);
  if (const auto found = sources.goldens().find(text.name); found != sources.goldens().end()) {
    left += html::heading(2, "Tested against", "goldens") +
            html::paragraph(html::text("Trajectories of reference implementations in tests/goldens, held in "
                                       "float64 at each file's tolerance: "));
    std::vector<Html> items;
    for (const std::string& file : found->second) items.push_back(html::code(file));
    left += html::list(items);
  }
  Html right = html::paragraph(book.site.source_link(text.source, from));
  if (has_source) right += code_view(code);
  // What of optim/ it is written with.
  std::vector<Html> with;
  for (size_t at = code.find("#include \"optim/"); at != std::string::npos;
       at = code.find("#include \"optim/", at + 1)) {
    const std::string header = code.substr(at + 10, code.find('"', at + 10) - at - 10),
                      body = header.substr(0, header.size() - 1) + "cpp";
    with.push_back(book.site.source_link(header, from));
    if (sources.has(body)) with.push_back(book.site.source_link(body, from));
  }
  if (!with.empty()) right += html::paragraph(html::text("Written with")) + html::list(with);
  return beside(left, right) + path_figures(book, text.name, from) + sensitivity_figures(book, text.name);
}

}  // namespace

void optimizer_pages(BookMaker& book) {
  for (const char* kind : {"optimizers", "wrappers", "gradient transforms"})
    for (const OptimizerEntry& entry : optimizers()) {
      if (plural_kind(entry) != kind) continue;
      book.page({.path = entry_page("optim", entry.text.name),
                 .title = entry.text.name,
                 .kind = kind,
                 .family = entry.family,
                 .summary = entry.text.summary,
                 .body = {},
                 .next = ""},
                [&](const BookPage& page) { return optimizer_body(book, entry, page.path); });
    }
}

}  // namespace gradus
