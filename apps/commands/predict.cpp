// gradus predict: what a trained classifier sees in image files.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/image.h"

namespace gradus {
namespace {

struct PredictOptions : WeightsOptions {
  int64 top = 3;
  bool invert = false, json = false;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("top", top, "classes shown for each image", at_least(1));
    f("invert", invert, "swap light and dark (MNIST has white ink on black)");
    f("json", json, "print the result as one JSON object");
  }
};

// The image as the model wants it: size, channels, normalisation.
Tensor input_from(const std::string& path, const DatasetInfo& info, bool invert) {
  const Shape& chw = info.example;
  Image image = resize(read_image(path, static_cast<int>(chw[0])), chw[1], chw[2]);
  if (invert)
    for (auto& pixel : image.pixels) pixel = static_cast<std::uint8_t>(255 - pixel);
  Tensor x({1, chw[0], chw[1], chw[2]});
  PixelScale(info).apply(image.pixels.data(), chw, x.mutable_data());
  return x;
}

struct Guess {
  int64 label;
  double probability;
};

// Throws NumericError naming `path` if the model's output is NaN or infinite.
std::vector<Guess> guesses(Model& model, const std::string& path, const Tensor& x, int64 top) {
  const Recording off(false);
  const Tensor p = softmax(model(x));
  for (const real v : p.span())
    if (!std::isfinite(v))
      fail<NumericError>("{}: the model's output is {}: its weights cannot be used", path, v);
  std::vector<Guess> all;
  for (int64 i = 0; i < p.numel(); ++i) all.push_back({i, static_cast<double>(p.data()[i])});
  std::stable_sort(all.begin(), all.end(),
                   [](const Guess& a, const Guess& b) { return a.probability > b.probability; });
  all.resize(static_cast<size_t>(std::min(top, p.numel())));
  return all;
}

int predict(const std::vector<std::string>& images, const PredictOptions& options) {
  const Weights weights = find_weights("", options);
  const DatasetInfo info = info_of(weights);
  if (info.kind != DataKind::kImages)
    fail<UsageError>("predict is for images, not for {}", kind_name(info.kind));
  const auto model = load_model(weights, info);
  if (model->task() != Task::kClassification)
    fail<UsageError>("predict is for classifiers; {} is for {}", model->spec(), task_name(model->task()));
  const auto name = [&](int64 label) {
    return label < static_cast<int64>(info.class_names.size()) ? info.class_names[static_cast<size_t>(label)]
                                                               : fmt::format("class {}", label);
  };
  nlohmann::ordered_json json = {{"model", model->spec()}, {"images", nlohmann::ordered_json::array()}};
  std::vector<std::vector<std::string>> rows;
  int code = kOk;
  // An image that cannot be read does not keep the others from being shown; the exit code is that of the first error.
  const auto failed = [&](const std::string& path, const std::exception& error, int with) {
    if (code == kOk) code = with;
    fmt::print(stderr, "gradus: {}\n", error.what());
    json["images"].push_back({{"file", path}, {"error", error.what()}});
  };
  for (const std::string& path : images) try {
      const auto best = guesses(*model, path, input_from(path, info, options.invert), options.top);
      nlohmann::ordered_json classes = nlohmann::ordered_json::array();
      rows.push_back({path});
      for (const Guess& g : best) {
        classes.push_back({{"class", g.label}, {"name", name(g.label)}, {"probability", g.probability}});
        rows.back().push_back(fmt::format("{} {:.1f} %", name(g.label), 100 * g.probability));
      }
      json["images"].push_back({{"file", path}, {"classes", classes}});
    } catch (const DataError& e) {
      failed(path, e, kBadData);
    } catch (const NumericError& e) {
      failed(path, e, kNotShown);
    }
  if (options.json)
    print_json(json);
  else if (!rows.empty())
    print(columns(rows));
  return code;
}

}  // namespace

void add_predict(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("predict", "classify image files (PNG, JPEG)");
  auto given = std::make_shared<OptionList>();
  auto images = std::make_shared<std::vector<std::string>>();
  sub->add_option("IMAGE", *images, "image files; resized, grey or colour as the model wants")->required();
  add_flags<PredictOptions>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      PredictOptions options;
      assign(options, *given);
      return predict(*images, options);
    };
  });
}

}  // namespace gradus
