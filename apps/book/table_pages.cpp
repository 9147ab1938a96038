// Pages of the smaller tables: schedules, server rules, gradients, data sets, environments, selectors, strategies, partitions,
// adapters, parametrisations.
#include <fmt/format.h>

#include "apps/active/strategy.h"
#include "apps/book/book.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "apps/continual/learners.h"
#include "apps/report/markup.h"
#include "apps/report/plot.h"
#include "apps/testtime/adaptation.h"
#include "apps/testtime/attack.h"
#include "apps/testtime/image_views.h"
#include "apps/train/gradients/gradient_method.h"
#include "apps/train/losses.h"
#include "apps/train/parametrisation.h"
#include "data/augment.h"
#include "data/clients/partition.h"
#include "data/contact_sheet.h"
#include "data/corruptions/corruption.h"
#include "data/environments/environment.h"
#include "data/registry.h"
#include "data/selection/sample_selector.h"
#include "data/tasks/drift_stream.h"
#include "data/tasks/task_stream.h"
#include "nn/adapters/registry.h"
#include "nn/diffusion/guidance.h"
#include "nn/diffusion/sampler.h"
#include "nn/diffusion/step_skipping.h"
#include "nn/ranking/ranking_losses.h"
#include "optim/schedule.h"
#include "optim/server/server_rule.h"

namespace gradus {
namespace {

// What an entry of a small table says; what it has not is "".
struct TableEntry {
  std::string folder, kind, family, name, summary;
  std::string paper = {}, equations = {}, source = {};
  std::vector<OptionInfo> options = {};
  Html extra = {};
  bool lines_are_equations = false;
};

// The file that names the entry in quotes, of these, the first: where its table, or itself, is written.
std::string file_naming(const Sources& sources, const std::string& name,
                        std::initializer_list<const char*> folders) {
  for (const char* folder : folders)
    for (const std::string& file : sources.files())
      if (file.starts_with(folder) && sources.text(file).find("\"" + name + "\"") != std::string::npos)
        return file;
  return "";
}

void table_page(BookMaker& book, const TableEntry& e) {
  book.page({.path = entry_page(e.folder, e.name),
             .title = e.name,
             .kind = e.kind,
             .family = e.family,
             .summary = e.summary,
             .body = {},
             .next = ""},
            [&](const BookPage& page) {
              const Sources& sources = book.site.sources();
              const bool has_source = sources.has(e.source);
              const std::string code = has_source ? sources.text(e.source) : "";
              Html left;
              if (!e.paper.empty()) left += html::paragraph(html::soft(e.paper));
              std::string equations = e.equations;
              const std::string head = has_source ? opening_comment(code) : "";
              if (!equations.empty()) {
                std::vector<HeadLine> lines = head_lines(equations, e.lines_are_equations);
                std::vector<std::string> names;
                for (const OptionInfo& o : e.options) names.push_back(o.name);
                left += html::heading(2, "Equations", "equations") +
                        equations_view(lines, known_names(lines, names), code, "");
              } else if (!head.empty()) {
                const std::vector<HeadLine> lines = head_lines(head);
                left += html::heading(2, "What its file says", "head") +
                        equations_view(lines, known_names(lines, {}), code, "");
              }
              left += e.extra + html::heading(2, "Options", "options") + options_html(e.options) +
                      verdicts_of(book, e.source, page.path);
              if (!has_source) return left;
              return beside(left,
                            html::paragraph(book.site.source_link(e.source, page.path)) + code_view(code));
            });
}

// A curve of the factor over a hundred steps.
Html schedule_curve(const ScheduleEntry& entry) {
  try {
    const auto schedule = entry.make({}, {.total_steps = 100, .steps_per_epoch = 10});
    Series s{.name = entry.name, .x = {}, .y = {}, .low = {}, .high = {}};
    for (int64 step = 0; step < 100; ++step) {
      s.x.push_back(static_cast<double>(step));
      s.y.push_back(schedule->scale(step));
    }
    return html::heading(2, "Course", "course") +
           html::figures({svg(LinePlot{.title = "factor on the step size, default options",
                                       .x = {.label = "step of 100"},
                                       .y = {.label = "factor"},
                                       .series = {s}},
                              {.id = "factor", .standalone = false})});
  } catch (const Error& error) {
    return html::paragraph(html::soft(std::string("No course to draw: ") + error.what() + "."));
  }
}

Html contact_image(const DatasetEntry& entry) {
  if (entry.needs_files || entry.kind != DataKind::kImages) return {};
  try {
    const Data data = open_data(entry.name);
    const std::string png = encode_png(contact_sheet(*data.train), entry.name);
    return html::heading(2, "A look", "look") +
           Html::trusted(fmt::format("<p><img alt=\"examples of {}\" style=\"max-width:100%\" "
                                     "src=\"data:image/png;base64,{}\" /></p>\n",
                                     escaped(entry.name), base64(png)));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

void table_pages(BookMaker& book) {
  const Sources& sources = book.site.sources();
  // A page for every entry of a table whose rows have name, summary and options, or more, found in the first of the folders.
  const auto plain = [&](const auto& table, const char* folder, const char* kind,
                         std::initializer_list<const char*> where) {
    for (const auto& e : table) {
      TableEntry t{.folder = folder, .kind = kind, .family = "", .name = e.name, .summary = e.summary};
      if constexpr (requires { e.paper; }) t.paper = e.paper;
      if constexpr (requires { e.equations; }) t.equations = e.equations;
      if constexpr (requires { e.options(); })
        t.options = e.options();
      else if constexpr (requires { e.options; })
        t.options = e.options;
      if constexpr (requires { e.strengths; })
        t.summary += fmt::format("; severities 1 to 5: {}", e.strengths);
      if constexpr (requires { e.source; })
        t.source = e.source;
      else
        t.source = file_naming(sources, e.name, where);
      t.lines_are_equations = true;
      table_page(book, t);
    }
  };
  for (const ScheduleEntry& e : schedules())
    table_page(book, {.folder = "schedule",
                      .kind = "schedules",
                      .family = "",
                      .name = e.name,
                      .summary = e.summary,
                      .source = "optim/schedule.cpp",
                      .options = e.options,
                      .extra = book.filling ? schedule_curve(e) : Html()});
  plain(server_rules(), "server", "server rules", {"optim/server/"});
  plain(gradient_methods(), "gradient", "ways to a gradient", {"apps/train/gradients/"});
  plain(losses(), "loss", "losses to train with", {"apps/train/losses"});
  for (const ParametrisationEntry& e : parametrisations())
    table_page(book, {.folder = "parametrisation",
                      .kind = "parametrisations",
                      .family = "",
                      .name = e.name,
                      .summary = e.summary,
                      .source = "apps/train/parametrisation.h",
                      .options = e.options});
  for (const DatasetEntry& e : datasets())
    table_page(book, {.folder = "data",
                      .kind = "data sets",
                      .family = kind_name(e.kind),
                      .name = e.name,
                      .summary = e.summary,
                      .source = file_naming(sources, e.name, {"data/"}),
                      .options = e.options,
                      .extra = book.filling ? contact_image(e) : Html()});
  plain(environments(), "environment", "environments", {"data/environments/"});
  plain(partitions(), "partition", "partitions among clients", {"data/clients/"});
  plain(sample_selectors(), "selector", "choices of examples", {"data/selection/"});
  plain(query_strategies(), "strategy", "choices of labels", {"apps/active/"});
  plain(adapters(), "adapter", "adapters", {"nn/adapters/"});
  plain(learners(), "continual", "methods for many tasks", {"apps/continual/methods/", "apps/continual/"});
  plain(task_kinds(), "tasks", "streams of tasks", {"data/tasks/"});
  plain(drift_patterns(), "drift", "drifts", {"data/tasks/"});
  plain(samplers(), "sampler", "samplers of diffusion", {"nn/diffusion/"});
  plain(guidances(), "guidance", "guidances of diffusion", {"nn/diffusion/"});
  plain(skip_policies(), "skip", "skips of diffusion steps", {"nn/diffusion/"});
  plain(transforms(), "augmentation", "augmentations", {"data/augment", "data/"});
  plain(corruptions(), "corruption", "corruptions", {"data/corruptions/"});
  plain(adaptations(), "adaptation", "adaptations at test time", {"apps/testtime/", "nn/"});
  plain(attacks(), "attack", "attacks", {"apps/testtime/", "nn/"});
  plain(image_views(), "view", "looks at test images", {"apps/testtime/"});
  plain(ranking_losses(), "ranking", "ranking losses", {"nn/ranking/"});
}

}  // namespace gradus
