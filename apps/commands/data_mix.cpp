#include "apps/commands/data_mix.h"

#include <cmath>

#include "apps/cli/flags.h"
#include "apps/cli/output.h"
#include "apps/cli/program.h"
#include "apps/cli/terminal.h"
#include "apps/signals/masker_mix.h"
#include "apps/train/progress.h"
#include "core/error.h"

namespace gradus {
namespace {

struct MixFlags {
  std::string out = "mix.wav", gains = "-10,-5,0,5,10,15", policy = "greedy";
  std::optional<double> level;
  int64 mixes = 3000, epochs = 5, seed = 0;
  bool json = false, quiet = false;
  void visit(auto&& f) {
    f("out", out, "the mix, a WAV file of 16 bits");
    f("gains", gains, "gains in dB that are tried, of maskers at 55 dB");
    f("level", level, "level of the ambient sound in dB; else 94 dB are a mean square of 1");
    f("policy", policy, "the most pleasant by its mean, or the most likely to be better than none",
      choices({"greedy", "probability"}));
    f("mixes", mixes, "drawn mixes that the network is trained on", at_least(32));
    f("epochs", epochs, "passes over them", at_least(1));
    f("seed", seed, "of sounds and network", at_least(0));
    f("json", json, "print the result as one JSON object");
    f("quiet", quiet, "no progress on stderr");
  }
};

std::vector<double> gains_of(const std::string& text) {
  std::vector<double> gains;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string word = text.substr(at, end - at);
    size_t used = 0;
    try {
      gains.push_back(std::stod(word, &used));
    } catch (const std::exception&) {
      used = std::string::npos;
    }
    if (used != word.size() || !(std::abs(gains.back()) <= 60))
      fail<UsageError>("--gains: '{}' is no gain; expected numbers of dB from -60 to 60, as -10,-5,0,5",
                       word);
    at = end + 1;
  }
  return gains;
}

int mix(const std::string& ambient, const std::vector<std::string>& maskers, const MixFlags& flags) {
  MaskerMixOptions o;
  o.gains = gains_of(flags.gains);
  if (flags.level) o.level = *flags.level;
  o.mixes = flags.mixes, o.epochs = flags.epochs, o.seed = flags.seed;
  o.policy.policy = flags.policy;
  std::vector<std::string> names = {ambient};
  std::vector<Sound> sounds;
  const Sound soundscape = read_wav(ambient);
  for (const std::string& masker : maskers) names.push_back(masker), sounds.push_back(read_wav(masker));
  Progress progress(flags.quiet);
  const MaskerMix found = mix_masker(soundscape, sounds, names, o, [&](double done) {
    progress.show("training", fmt::format("{:.0f} %", 100 * done), done,
                  fmt::format("training on drawn sounds: {:.0f} %", 100 * done));
  });
  progress.clear();
  write_wav(flags.out, found.mix);
  const bool none = found.choice.masker < 0;
  const std::string chosen = none ? "none" : names[static_cast<size_t>(found.choice.masker + 1)];
  if (found.clipped > 0)
    note(fmt::format("{} samples of the mix are clipped; a softer recording leaves room\n", found.clipped));
  if (flags.json) {
    nlohmann::ordered_json json = {
        {"masker", none ? nlohmann::ordered_json() : nlohmann::ordered_json(chosen)},
        {"pleasantness", found.mu},
        {"without", found.mu_none},
        {"ambient_level", found.ambient_level},
        {"clipped", found.clipped},
        {"out", flags.out}};
    if (!none) json["gain"] = found.gain_db, json["sigma"] = found.sigma;
    print_json(json);
    return kOk;
  }
  std::vector<std::vector<std::string>> rows = {{"masker", chosen}};
  if (!none) rows.push_back({"gain", fmt::format("{:+g} dB", found.gain_db)});
  rows.push_back({"pleasantness", none ? fmt::format("{:.3f}", found.mu)
                                       : fmt::format("{:.3f} +- {:.3f}", found.mu, found.sigma)});
  rows.push_back({"without", fmt::format("{:.3f}", found.mu_none)});
  rows.push_back({"ambient", fmt::format("{:.1f} dB", found.ambient_level)});
  rows.push_back({"mix", flags.out});
  print(columns(rows));
  return kOk;
}

}  // namespace

void add_mix(CLI::App& data, Action& action) {
  CLI::App* sub = data.add_subcommand(
      "mix", "lay the masker (birds, water, ...) over a recorded soundscape that is predicted most pleasant");
  auto ambient = std::make_shared<std::string>();
  auto maskers = std::make_shared<std::vector<std::string>>();
  auto given = std::make_shared<OptionList>();
  sub->add_option("AMBIENT", *ambient, "the soundscape, a WAV file")->required()->type_name("");
  sub->add_option("MASKERS", *maskers, "WAV files of the same rate")->required()->type_name("");
  sub->footer(
      "The network is trained on drawn sounds each time (data/signals/soundscape_synth.h), since there are "
      "no "
      "recordings with ratings: what it prefers is what that generator prefers.");
  add_flags<MixFlags>(*sub, given);
  sub->callback([=, &action] {
    action = [=] {
      MixFlags flags;
      assign(flags, *given);
      return mix(*ambient, *maskers, flags);
    };
  });
}

}  // namespace gradus
