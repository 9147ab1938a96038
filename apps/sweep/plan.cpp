#include "apps/sweep/plan.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "apps/cli/flags.h"
#include "core/error.h"
#include "core/number_text.h"
#include "core/rng.h"

namespace gradus {
namespace {

std::string number_text(double v) { return fmt::format("{:.4g}", v); }

// "adamw:lr=" before a place: what is varied there.
std::string varied_name(const std::string& key, const std::string& text, size_t begin) {
  if (begin == 0 || text[begin - 1] != '=') return key;
  const size_t from = text.find_last_of(":,(|", begin - 2);
  return text.substr(from == std::string::npos ? 0 : from + 1,
                     begin - 1 - (from == std::string::npos ? 0 : from + 1));
}

double at_share(const SweepAxis& a, double share) {
  return a.low > 0 ? a.low * std::pow(a.high / a.low, share) : a.low + (a.high - a.low) * share;
}

// The texts of the settings with axes, each place filled in with its value.
OptionList filled(const OptionList& given, const std::vector<SweepAxis>& axes,
                  const std::vector<std::string>& values) {
  OptionList out;
  for (size_t g = 0; g < given.size(); ++g) {
    const auto& [key, text] = given[g];
    std::string result;
    size_t at = 0;
    bool any = false;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i].key != fmt::format("{}#{}", key, g)) continue;
      result += text.substr(at, axes[i].begin - at) + values[i];
      at = axes[i].end;
      any = true;
    }
    out.emplace_back(key, any ? result + text.substr(at) : text);
  }
  return out;
}

}  // namespace

std::vector<std::string> SweepAxis::values() const {
  if (!words.empty()) return words;
  std::vector<std::string> all;
  for (int64 i = 0; i < count; ++i)
    all.push_back(number_text(at_share(*this, static_cast<double>(i) / static_cast<double>(count - 1))));
  return all;
}

std::vector<SweepAxis> axes_of(const std::string& key, const std::string& text) {
  static const std::regex range(
      R"(([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\.\.([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)(?:/([0-9]+))?)");
  static const std::regex set(R"(\{([^{}]*\|[^{}]*)\})");
  std::vector<SweepAxis> axes;
  for (std::sregex_iterator it(text.begin(), text.end(), range), end; it != end; ++it) {
    SweepAxis a{key, "", static_cast<size_t>(it->position()),
                static_cast<size_t>(it->position() + it->length())};
    a.low = *number_in((*it)[1].str()), a.high = *number_in((*it)[2].str());
    if (!(a.low < a.high))
      fail<UsageError>("{} {}: a range goes from the smaller number to the larger", flag_name(key), text);
    if ((*it)[3].matched) {
      a.count = static_cast<int64>(*number_in((*it)[3].str()));
      constexpr int64 kMost = 1000;
      if (a.count < 2 || a.count > kMost)
        fail<UsageError>("{} {}: a range has 2 to {} values", flag_name(key), text, kMost);
    }
    axes.push_back(a);
  }
  for (std::sregex_iterator it(text.begin(), text.end(), set), end; it != end; ++it) {
    SweepAxis a{key, "", static_cast<size_t>(it->position()),
                static_cast<size_t>(it->position() + it->length())};
    const std::string list = (*it)[1].str();
    for (size_t at = 0; at <= list.size();) {
      const size_t bar = std::min(list.find('|', at), list.size());
      a.words.push_back(list.substr(at, bar - at));
      at = bar + 1;
    }
    axes.push_back(a);
  }
  std::sort(axes.begin(), axes.end(),
            [](const SweepAxis& a, const SweepAxis& b) { return a.begin < b.begin; });
  for (size_t i = 0; i < axes.size(); ++i) {
    if (i && axes[i].begin < axes[i - 1].end)
      fail<UsageError>("{} {}: a range within a set is not taken apart", flag_name(key), text);
    axes[i].name = varied_name(key, text, axes[i].begin);
  }
  return axes;
}

TrainConfig SweepPlan::config(size_t trial, int64 seed_number) const {
  TrainConfig config;
  assign(config, trials[trial].settings);
  config.seed += seed_number;
  check(config);
  return config;
}

SweepPlan make_sweep(const OptionList& given, std::optional<int64> random, int64 draw_seed) {
  constexpr size_t kMostTrials = 10000;
  SweepPlan plan{.given = given};
  for (size_t g = 0; g < given.size(); ++g)
    for (SweepAxis& a : axes_of(given[g].first, given[g].second)) {
      a.key = fmt::format("{}#{}", given[g].first, g);  // (a list may be given more than once)
      plan.axes.push_back(a);
    }
  if (plan.axes.empty())
    fail<UsageError>(
        "sweep what? give a setting several values: --optim 'adamw:lr=1e-4..1e-2/5', --model "
        "'{{mlp|lenet}}'");
  for (const SweepAxis& a : plan.axes)
    if (!random && a.words.empty() && a.count == 0)
      fail<UsageError>("'{0}..{1}': how many values? {0}..{1}/5 has five; with --random N it needs no count",
                       a.low, a.high);
  std::vector<std::vector<std::string>> choices;
  size_t combinations = 1;
  for (const SweepAxis& a : plan.axes) {
    choices.push_back(random && a.words.empty() && a.count == 0 ? std::vector<std::string>{} : a.values());
    combinations = std::min(kMostTrials + 1, combinations * std::max<size_t>(choices.back().size(), 1));
  }
  if (!random && combinations > kMostTrials)
    fail<UsageError>("more than {} combinations: --random N draws N of them", kMostTrials);
  const size_t count = random ? static_cast<size_t>(*random) : combinations;
  for (size_t t = 0; t < count; ++t) {
    Rng rng = Rng(static_cast<std::uint64_t>(draw_seed)).fork("sweep").fork(t);
    SweepTrial trial;
    size_t rest = t;
    for (size_t i = plan.axes.size(); i-- > 0;) {  // the last axis changes fastest
      std::string value;
      if (random && choices[i].empty()) {
        value = number_text(at_share(plan.axes[i], rng.uniform()));
      } else {
        const size_t n = choices[i].size();
        value = choices[i][random ? static_cast<size_t>(rng.below(static_cast<int64>(n))) : rest % n];
        rest /= n;
      }
      trial.values.insert(trial.values.begin(), value);
    }
    trial.settings = filled(given, plan.axes, trial.values);
    plan.trials.push_back(std::move(trial));
  }
  return plan;
}

nlohmann::ordered_json plan_json(const SweepPlan& plan) {
  nlohmann::ordered_json json = {
      {"format", "gradus-sweep-1"}, {"given", plan.given}, {"seeds", plan.seeds}, {"halving", plan.halving}};
  auto& axes = json["axes"] = nlohmann::ordered_json::array();
  for (const SweepAxis& a : plan.axes)
    axes.push_back({{"name", a.name}, {"setting", a.key.substr(0, a.key.find('#'))}});
  auto& trials = json["trials"] = nlohmann::ordered_json::array();
  for (const SweepTrial& t : plan.trials) trials.push_back({{"values", t.values}, {"settings", t.settings}});
  return json;
}

SweepPlan plan_from(const nlohmann::json& json, const std::string& file) {
  SweepPlan plan;
  try {
    if (json.at("format") != "gradus-sweep-1") fail<DataError>("{}: not the plan of a sweep", file);
    plan.given = json.at("given").get<OptionList>();
    plan.seeds = json.at("seeds").get<int64>();
    plan.halving = json.at("halving").get<int64>();
    for (const auto& a : json.at("axes")) {
      SweepAxis axis{};
      axis.key = a.at("setting").get<std::string>();
      axis.name = a.at("name").get<std::string>();
      plan.axes.push_back(axis);
    }
    for (const auto& t : json.at("trials"))
      plan.trials.push_back(
          {t.at("values").get<std::vector<std::string>>(), t.at("settings").get<OptionList>()});
  } catch (const nlohmann::json::exception& e) {
    fail<DataError>("{}: the plan of the sweep is damaged: {}", file, e.what());
  }
  return plan;
}

double parse_duration(const std::string& text, const std::string& flag) {
  double unit = 1;
  std::string number = text;
  if (!number.empty() && std::isalpha(static_cast<unsigned char>(number.back()))) {
    unit = number.back() == 's' ? 1 : number.back() == 'm' ? 60 : number.back() == 'h' ? 3600 : 0;
    number.pop_back();
  }
  const auto value = number_in(number);
  if (!value || !(*value > 0) || !std::isfinite(*value) || unit == 0)
    fail<UsageError>("{} '{}': needs a time such as 90s, 30m or 1.5h", flag, text);
  return *value * unit;
}

}  // namespace gradus
