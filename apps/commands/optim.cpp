// gradus optim: the optimizers, what they compute and what they cost.
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/book/paths.h"
#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/optim_list.h"
#include "apps/commands/registry_commands.h"
#include "apps/train/gradients/gradient_method.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/glob.h"
#include "optim/registry.h"
#include "optim/schedule.h"
#include "optim/server/server_rule.h"

namespace gradus {
namespace {

const Shape kCostShape{256, 256};

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) out += c == '\n' ? std::string("\n  ") : std::string(1, c);
  return out + "\n";
}

std::string cost_text(const StateCost& cost) {
  return fmt::format(
      "{:.4g} bytes a parameter{}; a step moves {:.4g} bytes a parameter", cost.bytes_per_parameter,
      cost.slots.empty() ? "" : fmt::format(" ({})", fmt::join(cost.slots, ", ")), cost.bytes_moved);
}

int show(const std::string& name) {
  const OptimizerEntry& entry = find_optimizer(name);
  const OptimizerText& text = entry.text;
  std::string out = fmt::format("{}: {}\n\nsource   {}\nfamily   {}\npaper    {}\n\nequations\n{}\n",
                                text.name, text.summary, text.source, entry.family,
                                wrapped(text.paper, 9, 100), indented(text.equations));
  out += options_table(entry.options);
  out += fmt::format("\nstate    {}\n", cost_text(state_cost(entry, kCostShape)));
  out += fmt::format("asks for {}\n", fmt::join(need_names(traits_of(entry).needs), ", "));
  if (text.extra_reads)
    out += fmt::format("passes   one fused pass and {} more over a tensor of the parameters' size\n",
                       text.extra_reads);
  const auto has_own_companion = [](const OptionInfo& o) {
    return o.help.find("companion") != std::string::npos;
  };
  if (std::any_of(entry.options.begin(), entry.options.end(), has_own_companion))
    out +=
        "matrices only: another rule takes the rest with --companion adamw:lr=1e-3, in place of the one "
        "above\n";
  if (entry.wraps)
    out += fmt::format("use      --optim '{0}(adam:lr=1e-3)': it wraps another optimizer\n", text.name);
  else
    out += fmt::format(
        "use      --optim {}{}\n", text.name,
        entry.options.empty() ? "" : ":" + entry.options[0].name + "=" + entry.options[0].default_value);
  print(out);
  return kOk;
}

std::string show_server(size_t i) {
  const ServerRuleEntry& entry = server_rules()[i];
  return fmt::format("{}: {}\n\npaper\n{}\nequations\n{}\n{}", entry.name, entry.summary,
                     indented(wrapped(entry.paper, 0, 100)), indented(entry.equations),
                     options_table(entry.options));
}

std::string show_schedule(size_t i) {
  const ScheduleEntry& entry = schedules()[i];
  return fmt::format("{}: {}\n\n{}", entry.name, entry.summary, options_table(entry.options));
}

std::string show_gradient(size_t i) {
  const GradientEntry& entry = gradient_methods()[i];
  return fmt::format("{}: {}\nsource: {}\n\n{}", entry.name, entry.summary, entry.source,
                     entry.options.empty() ? std::string("no options\n") : options_table(entry.options));
}

int state_memory(const std::string& pattern, bool json) {
  std::vector<std::vector<std::string>> rows = {
      {"optimizer", "bytes/parameter", "bytes moved/step", "state"}};
  std::vector<std::string> names;
  auto entries = nlohmann::ordered_json::array();
  for (const OptimizerEntry& entry : optimizers()) {
    names.push_back(entry.text.name);
    if (!glob_match(pattern, entry.text.name)) continue;
    const StateCost cost = state_cost(entry, kCostShape);
    rows.push_back({entry.text.name, fmt::format("{:.4g}", cost.bytes_per_parameter),
                    fmt::format("{:.4g}", cost.bytes_moved), fmt::format("{}", fmt::join(cost.slots, " "))});
    entries.push_back({{"name", entry.text.name},
                       {"bytes_per_parameter", cost.bytes_per_parameter},
                       {"bytes_moved", cost.bytes_moved},
                       {"state", cost.slots}});
  }
  if (rows.size() == 1) throw UsageError(unknown_name("optimizer", pattern, names));
  if (json) {
    print_json({{"real", kRealName}, {"shape", kCostShape.str()}, {"optimizers", entries}});
    return kOk;
  }
  print(columns(rows));
  print(fmt::format("\nmeasured on a parameter of shape {} in {}; wrappers around plain SGD\n",
                    kCostShape.str(), kRealName));
  return kOk;
}

struct PlotFlags {
  std::string problem = "rosenbrock", out;
  void visit(auto&& f) {
    std::vector<std::string> names;
    for (const PlaneView& view : plane_views()) names.emplace_back(view.problem);
    f("problem", problem, "the function of two variables", choices(names));
    f("out", out, "the SVG to write; else PROBLEM.svg here");
  }
};

int plot_paths(const std::vector<std::string>& specs, const PlotFlags& flags) {
  const PlaneView& view = plane_view(flags.problem);
  std::vector<NamedPath> paths;
  std::vector<std::vector<std::string>> rows = {{"optimizer", "lr", "loss at the end"}};
  for (const std::string& spec : specs) {
    PlanePath path = plane_path(spec, view);
    if (!path.why.empty()) fail<UsageError>("optim plot: {} {}", spec, path.why);
    rows.push_back(
        {spec, path.lr > 0 ? fmt::format("{:g}", path.lr) : "-", fmt::format("{:.4g}", path.loss)});
    paths.push_back({spec, std::move(path)});
  }
  const std::string out = flags.out.empty() ? flags.problem + ".svg" : flags.out;
  write_file(out, paths_svg(view, paths));
  print(columns(rows) + fmt::format("\n{}: {} steps on {}\n", out, kPathSteps, flags.problem));
  return kOk;
}

void add_optim_plot(CLI::App& optim, Action& action) {
  CLI::App* sub = optim.add_subcommand(
      "plot", "paths of optimizers on a function of two variables, each at its best lr of one grid");
  auto specs = std::make_shared<std::vector<std::string>>();
  sub->add_option("NAME", *specs, "NAME[:key=value,...], as for --optim; with lr=... that lr is taken")
      ->required()
      ->type_name("");
  auto given = std::make_shared<OptionList>();
  add_flags<PlotFlags>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      PlotFlags flags;
      assign(flags, *given);
      return plot_paths(*specs, flags);
    };
  });
}

}  // namespace

void add_optim(CLI::App& app, Action& action) {
  CLI::App* optim = app.add_subcommand(
      "optim", "optimizers: list, show NAME, plot NAME..., schedules, gradients, servers, state-memory");
  add_optimizer_list(*optim, action);
  CLI::App* one = optim->add_subcommand("show", "paper, equations, options, cost of one");
  auto name = std::make_shared<std::string>();
  one->add_option("NAME", *name, "its name")->required()->type_name("");
  one->callback([=, &action] { action = [=] { return show(*name); }; });

  add_optim_plot(*optim, action);

  add_table(
      *optim, action, "schedules", "schedules of the step size: all, or the options of one", "schedule",
      [] {
        std::vector<Listed> all;
        for (const ScheduleEntry& entry : schedules())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      show_schedule);
  add_table(
      *optim, action, "gradients",
      "how a training step gets its gradient (train --gradient): all, or the options of one", "gradient",
      [] {
        std::vector<Listed> all;
        for (const GradientEntry& entry : gradient_methods())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      show_gradient);
  add_table(
      *optim, action, "servers", "rules of a federation's server: all, or the equations and options of one",
      "server rule",
      [] {
        std::vector<Listed> all;
        for (const ServerRuleEntry& entry : server_rules())
          all.push_back({entry.name, entry.summary, entry.options});
        return all;
      },
      show_server);

  CLI::App* memory = optim->add_subcommand("state-memory", "bytes of state a parameter, for every rule");
  auto pattern = std::make_shared<std::string>("*");
  memory->add_option("GLOB", *pattern, "only names that match")->type_name("");
  auto json = std::make_shared<bool>(false);
  memory->add_flag("--json", *json, "print one JSON object");
  memory->callback([=, &action] { action = [=] { return state_memory(*pattern, *json); }; });
}

}  // namespace gradus
