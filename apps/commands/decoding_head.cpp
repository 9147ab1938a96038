// gradus decoding-head: a head that chooses the temperature of what a language model writes, for `sample --decoding-head`.
#include <cmath>
#include <filesystem>

#include "apps/cli/commands.h"
#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/commands/weights_flags.h"
#include "apps/decoding/text_reward.h"
#include "apps/train/interrupt.h"
#include "apps/train/progress.h"
#include "core/error.h"

namespace gradus {
namespace {

struct DecodingHeadFlags : WeightsOptions {
  DecodingHeadFlags() { threads = 1; }  // one token at a time leaves little to share

  std::string prompts, level = "sequence", stop = "\\n";
  std::string out = "decoding-head.safetensors";
  std::vector<double> temperatures = {0, 0.2, 0.4, 0.6, 0.8, 1};
  int64 rounds = 3, hidden = 0, seed = 0;
  double plausible = 2.2;
  HeadTrainingOptions training;

  void visit(auto&& f) {
    WeightsOptions::visit(f);
    f("prompts", prompts,
      "lines of {\"prompt\": ..., \"answer\": ...}; a response is good if it is the answer, without an "
      "answer if it "
      "repeats itself little and is plausible");
    f("temperatures", temperatures, "what the head chooses among; 0 takes the likeliest token", at_least(0));
    f("level", level, "one temperature a response, or one a token", choices({"sequence", "token"}));
    f("rounds", rounds, "of samples, each from the head as it is", at_least(0));
    f("hidden", hidden, "units of the head's layers; 0: twice the model's width", at_least(0));
    f("stop", stop, "the character that ends an answer");
    f("plausible", plausible, "loss a token of the model itself from which on free text loses reward");
    training.visit(f);
    f("out", out, "the file to write, after every round");
    f("seed", seed, "of first values and draws", at_least(0));
  }
};

struct HeadCall {
  std::string resume;
  bool json = false, quiet = false;
};

// The flags of this call, or those of a head that goes on, of which rounds, threads and data directory may change.
DecodingHeadFlags flags_of(std::string& run, const HeadCall& call, const OptionList& given) {
  DecodingHeadFlags flags;
  if (call.resume.empty()) {
    assign(flags, given);
    if (!run.empty()) flags.init = run;  // as a resumed one finds it
    run.clear();
    for (std::string* path : {&flags.init, &flags.prompts, &flags.adapter})
      if (!path->empty()) *path = std::filesystem::absolute(*path).string();
    return flags;
  }
  if (!run.empty()) fail<UsageError>("--resume FILE knows its model; it takes no RUN");
  for (const auto& [key, value] : given)
    if (key != "rounds" && key != "threads" && key != "data_dir")
      fail<UsageError>(
          "--resume FILE has its own settings; only --rounds, --threads and --data-dir may be given");
  const TemperatureHead head = read_decoding_head(call.resume);
  nlohmann::json settings;
  try {
    settings = nlohmann::json::parse(head.settings);
  } catch (const nlohmann::json::exception&) {
    fail<DataError>("{}: its settings are no JSON", call.resume);
  }
  assign(flags, given_in_json(settings, call.resume));
  assign(flags, given);
  flags.out = call.resume;
  return flags;
}

struct HeadInterrupted {};

// Mean of the likeliest temperatures at the ends of prompts with and without an answer; NaN where there are none.
struct EndTemperatures {
  double answers = 0, free = 0;
};
EndTemperatures end_temperatures(TokenModel& model, const TemperatureHead& head,
                                 const std::vector<RewardedPrompt>& prompts) {
  EndTemperatures sums;
  int64 answers = 0, free = 0;
  for (const RewardedPrompt& p : prompts) {
    const LastHidden last(model);
    model.decoder(1)->feed(IntTensor::from({1, std::ssize(p.prompt.tokens)}, p.prompt.tokens));
    const double t = head.temperature(head.choices(last.states())[0]);
    (p.answer.empty() ? sums.free : sums.answers) += t;
    ++(p.answer.empty() ? free : answers);
  }
  return {sums.answers / static_cast<double>(answers), sums.free / static_cast<double>(free)};
}

nlohmann::ordered_json head_number(double v) {
  return std::isnan(v) ? nlohmann::ordered_json() : nlohmann::ordered_json(v);
}

int train_decoding_head(std::string run, const HeadCall& call, const OptionList& given) {
  const DecodingHeadFlags flags = flags_of(run, call, given);
  if (flags.prompts.empty()) fail<UsageError>("decoding-head: which prompts? --prompts FILE.jsonl");
  const Weights weights = find_weights(run, flags);
  const DatasetInfo info = info_of(weights);
  if (info.kind != DataKind::kText)
    fail<UsageError>("decoding-head is for text, not for {}", kind_name(info.kind));
  const auto model = load_model(weights, info);
  auto* const reader = dynamic_cast<TokenModel*>(model.get());
  if (!reader)
    fail<UsageError>("decoding-head is for language models; {} is for {}", model->spec(),
                     task_name(model->task()));
  const std::string stop = flags.stop == "\\n" ? "\n" : flags.stop;
  const std::vector<RewardedPrompt> rewarded = read_rewarded_prompts(flags.prompts, info.vocabulary, stop);
  std::vector<HeadPrompt> prompts;
  for (const RewardedPrompt& p : rewarded) prompts.push_back(p.prompt);

  const Rng rng = Rng(static_cast<std::uint64_t>(flags.seed)).fork("decoding head");
  TemperatureHead head = call.resume.empty()
                             ? fresh_head(*reader, flags.temperatures, flags.level, flags.hidden, rng)
                             : read_decoding_head(call.resume);
  head.settings = options_json(flags).dump();
  if (head.rounds > flags.rounds)
    fail<UsageError>("--resume {}: was trained for {} rounds, beyond the {} asked for", call.resume,
                     head.rounds, flags.rounds);
  const InterruptScope signals;
  Progress progress(call.quiet);
  auto rounds = nlohmann::ordered_json::array();
  std::vector<std::vector<std::string>> rows{{"round", "reward", "pairs", "loss", "mean temperature"}};
  write_decoding_head(flags.out, head);
  while (head.rounds < flags.rounds) {
    HeadRound done;
    try {
      done = train_head_round(
          *reader, head, prompts,
          [&](size_t i, const HeadSample& s) { return response_reward(rewarded[i], s, flags.plausible); },
          flags.training, rng.fork(static_cast<std::uint64_t>(head.rounds)),
          [&](int64 n) {
            if (interrupted()) throw HeadInterrupted();
            const std::string where =
                fmt::format("round {}/{}  prompt {}/{}", head.rounds + 1, flags.rounds, n, prompts.size());
            progress.show(where + " ", "", static_cast<double>(n) / static_cast<double>(prompts.size()),
                          where);
          });
    } catch (const HeadInterrupted&) {
      progress.clear();
      note(fmt::format("gradus: interrupted after round {}; 'gradus decoding-head --resume {}' goes on\n",
                       head.rounds, flags.out));
      return kInterrupted;
    }
    ++head.rounds;
    write_decoding_head(flags.out, head);
    progress.message(fmt::format("round {}/{}  reward {}  {} pairs  loss {}", head.rounds, flags.rounds,
                                 brief(done.reward), done.pairs, brief(done.loss)));
    rounds.push_back({{"round", head.rounds},
                      {"reward", done.reward},
                      {"pairs", done.pairs},
                      {"loss", done.loss},
                      {"temperature", done.temperature}});
    rows.push_back({std::to_string(head.rounds), brief(done.reward), std::to_string(done.pairs),
                    brief(done.loss), brief(done.temperature)});
  }
  progress.clear();
  const EndTemperatures ends = end_temperatures(*reader, head, rewarded);
  if (call.json) {
    print_json({{"file", flags.out},
                {"model", model->spec()},
                {"weights", weights.file},
                {"prompts", prompts.size()},
                {"rounds", rounds},
                {"answer_temperature", head_number(ends.answers)},
                {"free_temperature", head_number(ends.free)}});
    return kOk;
  }
  if (rows.size() > 1) print(columns(rows) + "\n");
  const auto text = [](double v) { return std::isnan(v) ? std::string("-") : brief(v); };
  print(columns({{"temperature for answers", text(ends.answers)},
                 {"for free text", text(ends.free)},
                 {"head", flags.out},
                 {"use", fmt::format("gradus sample {} --decoding-head {}", flags.init, flags.out)}}));
  return kOk;
}

}  // namespace

void add_decoding_head(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand(
      "decoding-head", "train a head that chooses the temperature of samples, for sample --decoding-head");
  auto given = std::make_shared<OptionList>();
  auto run = std::make_shared<std::string>();
  auto call = std::make_shared<HeadCall>();
  sub->add_option("RUN", *run, "directory of a run, or a weights file");
  add_flags<DecodingHeadFlags>(*sub, given);
  sub->add_option("--resume", call->resume, "go on with the head in this file, bit for bit, to --rounds")
      ->type_name("FILE");
  sub->add_flag("--json", call->json, "print the result as one JSON object");
  sub->add_flag("--quiet", call->quiet, "no progress on stderr");
  sub->footer(
      "Of the samples of a prompt the best and the worst are a pair; the head learns which temperatures "
      "were\n"
      "followed by better responses (Dhuliawala et al. 2024, arXiv 2411.09661). The language model stays as "
      "it is.");
  sub->callback([=, &action] { action = [=] { return train_decoding_head(*run, *call, *given); }; });
}

}  // namespace gradus
