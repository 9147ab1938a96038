// gradus grad-check: a model's gradients against central differences, in double precision.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/train/task.h"
#include "data/registry.h"
#include "nn/model_check.h"
#include "nn/registry.h"

namespace gradus {
namespace {

struct GradCheckOptions {
  std::string model = "mlp", data, data_dir;
  int64 batch_size = 3, seed = 0;
  double tolerance = 1e-6;
  bool json = false;

  void visit(auto&& f) {
    f("model", model, "the model to check, NAME[:key=value,...]");
    f("data", data,
      "take the sizes from this data set; else 1x28x28 images of ten classes, text of 65 characters");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
    f("batch_size", batch_size, "examples in the batch", at_least(1));
    f("seed", seed, "of weights, batch and directions", at_least(0));
    f("tolerance", tolerance, "largest relative error that passes", positive());
    f("json", json, "print the result as one JSON object");
  }
};

DataShape shape_for(const GradCheckOptions& options) {
  if (!options.data.empty())
    return data_shape(open_data(options.data, {.data_dir = options.data_dir}).info());
  return default_shape(model_entry(parse_spec(options.model).name));
}

// Finite differences in float prove nothing: the float program hands over to the double one beside it.
[[noreturn]] void run_in_double(std::vector<std::string> line) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  line[0] = (self.parent_path() / "gradus64").string();
  std::vector<char*> argv;
  for (std::string& word : line) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  fail<UsageError>("grad-check needs double precision, and {} cannot be run ({}): build gradus64", line[0],
                   std::strerror(errno));
}

int check(const GradCheckOptions& options) {
  const Rng rng(static_cast<std::uint64_t>(options.seed));
  const auto model = make_model(options.model, shape_for(options), rng);
  const ModelCheck worst = check_model(*model, rng.fork("grad-check"), options.batch_size);
  const bool passed = worst.error <= options.tolerance;
  if (options.json) {
    print_json({{"model", model->spec()},
                {"passed", passed},
                {"parameters", model->parameters().size()},
                {"worst", worst.parameter},
                {"error", worst.error},
                {"derivative", worst.analytic},
                {"difference", worst.numeric},
                {"tolerance", options.tolerance}});
  } else {
    print(columns(
        {{"model", model->spec()},
         {"parameters", fmt::format("{} tensors, each along a random direction", model->parameters().size())},
         {"worst", worst.parameter},
         {"derivative", fmt::format("{:.12g}", worst.analytic)},
         {"central difference", fmt::format("{:.12g}", worst.numeric)},
         {"relative error", fmt::format("{:.2e} (tolerance {:.0e})", worst.error, options.tolerance)},
         {"verdict", passed ? "ok" : "MISMATCH"}}));
  }
  return passed ? kOk : kNotShown;
}

}  // namespace

void add_grad_check(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("grad-check", "check a model's gradients against central differences");
  auto given = std::make_shared<OptionList>();
  add_flags<GradCheckOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      GradCheckOptions options;
      assign(options, *given);
      if constexpr (sizeof(real) == 4) {
        // The line again, from what was understood of it.
        std::vector<std::string> line = {"", "grad-check"};
        for (const auto& [key, text] : *given) {
          line.push_back(flag_name(key));
          if (key != "json") line.push_back(text);
        }
        run_in_double(std::move(line));
      }
      return check(options);
    };
  });
}

}  // namespace gradus
