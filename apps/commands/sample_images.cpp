#include "apps/commands/sample_images.h"

#include <chrono>
#include <cmath>
#include <filesystem>

#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/diffusion/image_scores.h"
#include "apps/train/progress.h"
#include "core/error.h"
#include "data/registry.h"
#include "nn/registry.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

void need_png(const char* flag, const std::string& path) {
  if (!path.empty() && !path.ends_with(".png")) fail<UsageError>("{} {}: pictures are .png", flag, path);
}

// Classes in turn, or all the one that is named.
std::vector<int64> asked_classes(const std::string& text, int64 count, const DatasetInfo& info) {
  std::vector<int64> classes;
  int64 one = -1;
  if (!text.empty()) in_flag("--class", [&] { one = class_of(text, info); });
  for (int64 i = 0; i < count; ++i)
    classes.push_back(!text.empty() || info.classes < 1 ? one : i % info.classes);
  return classes;
}

SampleSettings settings_of(const DrawingFlags& flags, int64 seed) {
  return {.sampler = flags.sampler, .guidance = flags.guidance, .skip = flags.skip, .seed = seed};
}

// Specs are read before anything is drawn.
void check_drawing(const DrawingFlags& flags) {
  in_flag("--sampler", [&] { make_sampler(flags.sampler); });
  in_flag("--guidance", [&] { make_guidance(flags.guidance); });
  in_flag("--skip", [&] { make_skip_policy(flags.skip); });
}

void show_drawn(SampleSettings& settings, Progress& progress) {
  settings.progress = [&progress](int64 drawn, int64 all) {
    const std::string text = fmt::format("{}/{} images", drawn, all);
    progress.show(text + " ", "", static_cast<double>(drawn) / static_cast<double>(all), text);
  };
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

bool draws_images(const Weights& weights) {
  return !weights.model.empty() && model_entry(parse_spec(weights.model).name).task == Task::kDenoising;
}

ImageSource image_source(const std::string& run, const Weights& weights) {
  if (run.empty() || !fs::is_directory(run))
    fail<UsageError>("{}: name the folder of the run, whose settings say what was trained", weights.file);
  ImageSource source;
  const nlohmann::json settings = RunDirectory::open(run).settings_of(kDiffusionRun);
  source.task = diffusion_task(settings.value("task", "diffusion"));
  source.info = info_of(weights);
  source.model = load_model(weights, source.info);
  return source;
}

int sample_images(const std::string& run, const Weights& weights, const ImageFlags& flags, int64 count,
                  int64 seed, bool json, bool quiet) {
  check_drawing(flags);
  need_png("--out", flags.out);
  need_png("--strip", flags.strip);
  const ImageSource source = image_source(run, weights);
  const std::vector<int64> classes = asked_classes(flags.of_class, count, source.info);
  SampleSettings settings = settings_of(flags, seed);
  settings.keep_steps = !flags.strip.empty();
  Progress progress(quiet);
  show_drawn(settings, progress);
  const auto start = std::chrono::steady_clock::now();
  const ImageSamples drawn = draw_images(source, classes, settings);
  const double seconds = seconds_since(start);
  progress.clear();

  const std::string out = flags.out.empty() ? (fs::path(run) / "samples.png").string() : flags.out;
  const bool in_turn = flags.of_class.empty() && source.info.classes > 1 && source.info.classes <= 20;
  write_png(out, image_grid(drawn.images, flags.columns ? flags.columns : in_turn ? source.info.classes : 0));
  if (!flags.images.empty()) {
    std::error_code failed;
    fs::create_directories(flags.images, failed);
    if (failed) fail<DataError>("{}: {}", flags.images, failed.message());
    for (size_t i = 0; i < classes.size(); ++i) {
      const std::string name =
          fmt::format("{}-{:04}.png", classes[i] < 0 ? "none" : fmt::format("{}", classes[i]), i);
      write_png((fs::path(flags.images) / name).string(), image_of(drawn.images, static_cast<int64>(i)));
    }
  }
  if (!flags.strip.empty()) write_png(flags.strip, step_strip(drawn.steps));
  if (json) {
    nlohmann::ordered_json result = {{"model", source.model->spec()},
                                     {"weights", weights.file},
                                     {"sampler", flags.sampler},
                                     {"guidance", flags.guidance},
                                     {"skip", flags.skip},
                                     {"class", flags.of_class.empty() ? "all in turn" : flags.of_class},
                                     {"count", count},
                                     {"seed", seed},
                                     {"evaluations_per_image", drawn.evaluations},
                                     {"seconds", seconds},
                                     {"out", out}};
    if (!flags.images.empty()) result["images"] = flags.images;
    if (!flags.strip.empty()) result["strip"] = flags.strip;
    print_json(result);
    return kOk;
  }
  print(out + "\n");
  if (!quiet)
    note(fmt::format("{} images in {:.2f} s, {} evaluations of the network each\n", count, seconds,
                     brief(drawn.evaluations)));
  return kOk;
}

int eval_images(const std::string& run, const Weights& weights, const FidFlags& flags, bool json) {
  check_drawing(flags);
  const ImageSource source = image_source(run, weights);
  const Data data = open_scored_data(weights);
  if (!data.train || !data.test) fail<UsageError>("--fid: {} has no training and test part", weights.data);
  const std::string path =
      flags.classifier.empty() ? (fs::path(run) / "classifier.safetensors").string() : flags.classifier;
  if (!flags.classifier.empty() && !fs::exists(path)) fail<DataError>("--classifier {}: no such file", path);
  const FeatureClassifier classifier(path, data, weights.data, weights.data_dir,
                                     [](const std::string& line) { note(line + "\n"); });
  const std::vector<int64> classes = asked_classes("", flags.count, source.info);
  SampleSettings settings = settings_of(flags, flags.seed);
  Progress progress(json);
  show_drawn(settings, progress);
  const ImageSamples drawn = draw_images(source, classes, settings);
  progress.clear();
  const ImageScores s = classifier.score(drawn.images, classes, data, flags.count);
  nlohmann::ordered_json result = {{"data", weights.data},
                                   {"model", source.model->spec()},
                                   {"weights", weights.file},
                                   {"sampler", flags.sampler},
                                   {"guidance", flags.guidance},
                                   {"skip", flags.skip},
                                   {"count", flags.count},
                                   {"seed", flags.seed},
                                   {"frechet_distance", s.frechet},
                                   {"frechet_distance_of_training_images", s.floor},
                                   {"class_agreement", s.agreement},
                                   {"classifier", path},
                                   {"classifier_accuracy", s.classifier_accuracy},
                                   {"evaluations_per_image", drawn.evaluations}};
  if (json) {
    print_json(result);
    return kOk;
  }
  print(columns(
      {{"data", weights.data},
       {"model", source.model->spec()},
       {"weights", weights.file},
       {"drawn", fmt::format("{} images, {}, {}, {} evaluations each", flags.count, flags.sampler,
                             flags.guidance, brief(drawn.evaluations))},
       {"Frechet distance",
        fmt::format("{} ({} training images: {})", brief(s.frechet), flags.count, brief(s.floor))},
       {"of the class asked for", percent(s.agreement)},
       {"classifier", fmt::format("{}, {} right on test images", path, percent(s.classifier_accuracy))}}));
  return kOk;
}

}  // namespace gradus
