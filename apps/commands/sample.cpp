// gradus sample: text from a trained language model, one as it is drawn or many read together, or images from a denoiser.
#include <chrono>
#include <cstdio>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/sample_images.h"
#include "apps/commands/weights_flags.h"
#include "apps/decoding/decoding_head.h"
#include "apps/steering/steering_file.h"
#include "core/threads.h"
#include "data/text.h"
#include "nn/generate.h"

namespace gradus {
namespace {

struct SampleFlags : WeightsOptions, ImageFlags {
  std::string prompt;
  int64 length = 500;
  double temperature = 1;
  std::optional<int64> top_k;
  double top_p = 1, min_p = 0;
  std::vector<std::string> steer;
  std::string decoding_head;
  int64 seed = 0;
  bool cache = true, json = false, quiet = false;
  std::optional<int64> count;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("count", count, "how many: texts (1 unless given), drawn together, or images (64)", at_least(1));
    visit_text(f);
    visit_images(f);
    f("seed", seed, "of the draws", at_least(0));
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress and speed on stderr");
  }
  void visit_text(auto&& f) {
    f("prompt", prompt, "text to go on from; it is printed first");
    f("length", length, "characters to draw (tokens of the vocabulary)", at_least(1));
    f("temperature", temperature, "divides the logits; 0 always takes the most likely character",
      at_least(0));
    f("top_k", top_k, "draw among the N most likely characters only", at_least(1));
    f("top_p", top_p, "draw among the fewest characters that together have this probability",
      Limits{0, 1, true});
    f("min_p", min_p, "draw among the characters at least this part as likely as the likeliest",
      between(0, 1));
    f("steer", steer,
      "add the vectors of this file to hidden states, FILE[:layer=GLOB,scale=1,mode=hard]: layer names "
      "modules "
      "('*h.2', or 2 alone), hard takes the likeliest vector, soft their mean by the file's probes");
    f("decoding_head", decoding_head,
      "a file of 'gradus decoding-head': the head chooses the temperature, in place of --temperature");
    f("cache", cache, "compute everything anew for each character (the same text, slowly)");
  }
};

// Flags that are of the other kind of sample.
void refuse(const OptionFields& others, const OptionList& given, const char* of, const char* here) {
  for (const auto& [key, value] : given)
    for (const OptionField& field : others)
      if (key == field.name) fail<UsageError>("{} is for {}, not for {}", flag_name(key), of, here);
}
OptionFields text_fields(SampleFlags& flags) {
  OptionFields fields;
  FieldCollector collector(fields);
  flags.visit_text(collector);
  return fields;
}
OptionFields image_fields(SampleFlags& flags) {
  OptionFields fields;
  FieldCollector collector(fields);
  flags.visit_images(collector);
  return fields;
}

// Texts as they are drawn: printed if there is one, else kept, as they grow together.
class Texts {
 public:
  Texts(const SampleFlags& options, const DatasetInfo& info)
      : options_(options),
        vocabulary_(info.vocabulary),
        text_(static_cast<size_t>(options.count.value_or(1))) {
    if (streams()) print(options.prompt);
  }
  bool streams() const { return text_.size() == 1 && !options_.json; }
  // False when nobody reads on.
  bool take(int64 number, int64 token) {
    const std::string& piece = vocabulary_[static_cast<size_t>(token)];
    if (!streams()) {
      text_[static_cast<size_t>(number)] += piece;
      return true;
    }
    print(piece);
    // What is drawn within a frame of a screen appears at once: a write for each character would take as long as it.
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < std::chrono::milliseconds(16)) return true;
    shown_ = now;
    return std::fflush(stdout) == 0;
  }
  // Texts begin..end-1, finished; one alone is out already.
  void show(int64 begin, int64 end) const {
    if (streams() || options_.json) return;
    for (int64 i = begin; i < end; ++i)
      print(fmt::format("{}--- {} of {} ---\n{}{}\n", i ? "\n" : "", i + 1, text_.size(), options_.prompt,
                        text_[static_cast<size_t>(i)]));
  }
  const std::vector<std::string>& all() const { return text_; }

 private:
  const SampleFlags& options_;
  const std::vector<std::string>& vocabulary_;
  std::vector<std::string> text_;
  std::chrono::steady_clock::time_point shown_{};
};

// Text 0 has the stream that a single text always had.
std::vector<Rng> text_streams(int64 seed, int64 count) {
  const Rng first = Rng(static_cast<std::uint64_t>(seed)).fork("sample");
  std::vector<Rng> rngs{first};
  for (int64 i = 1; i < count; ++i) rngs.push_back(first.fork(static_cast<std::uint64_t>(i)));
  return rngs;
}

int sample_text(const Weights& weights, const DatasetInfo& info, const SampleFlags& options) {
  constexpr int64 kTogether = 256;  // texts whose keys and values are in memory at once
  const int64 count = options.count.value_or(1);
  if (options.threads == 0 && count == 1) set_threads(1);  // one row at a time leaves nothing to share
  const auto model = load_model(weights, info);
  auto* const reader = dynamic_cast<TokenModel*>(model.get());
  if (!reader)
    fail<UsageError>("sample is for language models and denoisers; {} is for {}", model->spec(),
                     task_name(model->task()));

  SampleOptions how{.temperature = options.temperature,
                    .top_k = options.top_k.value_or(0),
                    .top_p = options.top_p,
                    .min_p = options.min_p,
                    .decode = {.cache = options.cache}};
  const std::vector<int64> prompt = prompt_tokens(options.prompt, info);
  const SteeringScope steering(*model, options.steer);
  std::optional<TemperatureHead> head;
  if (!options.decoding_head.empty()) head = read_decoding_head(options.decoding_head);
  std::vector<std::vector<double>> temperatures;

  std::vector<Rng> rngs = text_streams(options.seed, count);
  Texts texts(options, info);
  const auto start = std::chrono::steady_clock::now();
  for (int64 first = 0; first < count; first += kTogether) {
    const int64 end = std::min(count, first + kTogether);
    std::optional<TemperatureChooser> chooser;
    if (head) {
      chooser.emplace(*reader, *head);
      how.temperature_at = [&chooser](int64 i) { return chooser->next(i); };
    }
    generate_texts(*reader, prompt, options.length, how,
                   std::span(rngs).subspan(static_cast<size_t>(first), static_cast<size_t>(end - first)),
                   [&](int64 i, int64 token) { return texts.take(first + i, token); });
    texts.show(first, end);
    for (int64 i = 0; head && i < end - first; ++i) temperatures.push_back(chooser->chosen(i));
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const int64 characters = count * options.length;
  const double rate = static_cast<double>(characters) / seconds;
  if (options.json) {
    nlohmann::ordered_json result{
        {"model", model->spec()}, {"weights", weights.file}, {"prompt", options.prompt}};
    if (count == 1)
      result["text"] = texts.all()[0];
    else
      result["texts"] = texts.all();
    result.update({{"characters", characters}, {"seconds", seconds}, {"characters_per_s", rate}});
    if (head && count == 1)
      result["temperatures"] = temperatures[0];
    else if (head)
      result["temperatures"] = temperatures;
    print_json(result);
    return kOk;
  }
  if (count == 1) print("\n");
  if (!options.quiet)
    note(fmt::format("{} characters in {:.2f} s, {}/s\n", characters, seconds, short_count(rate)));
  return kOk;
}

int sample(const std::string& run, SampleFlags options, const OptionList& given) {
  const Weights weights = find_weights(run, options);
  if (draws_images(weights)) {
    refuse(text_fields(options), given, "text", "images");
    return sample_images(run.empty() ? options.init : run, weights, options, options.count.value_or(64),
                         options.seed, options.json, options.quiet);
  }
  const DatasetInfo info = info_of(weights);
  if (info.kind != DataKind::kText)
    fail<UsageError>("sample is for text and for denoisers, not for {}", kind_name(info.kind));
  refuse(image_fields(options), given, "images", "text");
  return sample_text(weights, info, options);
}

}  // namespace

void add_sample(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(
      "sample", "write text with a trained language model, or draw images with a denoiser");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file");
  add_flags<SampleFlags>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      SampleFlags options;
      assign(options, *given);
      if (!options.decoding_head.empty())
        for (const auto& [key, value] : *given)
          if (key == "temperature") fail<UsageError>("--temperature or --decoding-head, not both");
      return sample(*run, options, *given);
    };
  });
}

}  // namespace gradus
