#include "apps/sweep/plan.h"

#include <algorithm>
#include <cmath>
#include <optional>

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

size_t after_digits(const std::string& text, size_t at) {
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  return at;
}
size_t after_sign(const std::string& text, size_t at) {
  return at < text.size() && (text[at] == '-' || text[at] == '+') ? at + 1 : at;
}

// Where the number that begins at `at` ends: sign, digits, a point only before digits, an exponent. `at` if there is none.
size_t number_end(const std::string& text, size_t at) {
  const size_t whole = after_sign(text, at);
  size_t end = after_digits(text, whole);
  const bool point = end < text.size() && text[end] == '.' && after_digits(text, end + 1) > end + 1;
  if (point) end = after_digits(text, end + 1);
  if (end == whole) return at;
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    const size_t power = after_sign(text, end + 1), power_end = after_digits(text, power);
    if (power_end > power) end = power_end;
  }
  return end;
}

// "1e-4..1e-2" or "1e-4..1e-2/5" at that place.
std::optional<SweepAxis> range_at(const std::string& key, const std::string& text, size_t at) {
  const size_t low_end = number_end(text, at);
  if (low_end == at || text.compare(low_end, 2, "..") != 0) return {};
  const size_t high_end = number_end(text, low_end + 2);
  if (high_end == low_end + 2) return {};
  SweepAxis a{key, "", at, high_end};
  a.low = *number_in(text.substr(at, low_end - at));
  a.high = *number_in(text.substr(low_end + 2, high_end - low_end - 2));
  if (!(a.low < a.high))
    fail<UsageError>("{} {}: a range goes from the smaller number to the larger", flag_name(key), text);
  if (high_end < text.size() && text[high_end] == '/' && after_digits(text, high_end + 1) > high_end + 1) {
    a.end = after_digits(text, high_end + 1);
    a.count = static_cast<int64>(*number_in(text.substr(high_end + 1, a.end - high_end - 1)));
    constexpr int64 kMost = 1000;
    if (a.count < 2 || a.count > kMost)
      fail<UsageError>("{} {}: a range has 2 to {} values", flag_name(key), text, kMost);
  }
  return a;
}

bool range_in(const std::string& text) {
  for (size_t at = 0; at < text.size(); ++at) {
    const size_t end = number_end(text, at);
    if (end > at && text.compare(end, 2, "..") == 0 && number_end(text, end + 2) > end + 2) return true;
  }
  return false;
}

// "{relu|gelu}" at that place.
std::optional<SweepAxis> set_at(const std::string& key, const std::string& text, size_t at) {
  if (text[at] != '{') return {};
  const size_t close = text.find_first_of("{}", at + 1);
  if (close == std::string::npos || text[close] != '}') return {};
  const std::string list = text.substr(at + 1, close - at - 1);
  if (list.find('|') == std::string::npos) return {};
  SweepAxis a{key, "", at, close + 1};
  for (size_t from = 0; from <= list.size();) {
    const size_t bar = std::min(list.find('|', from), list.size());
    a.words.push_back(list.substr(from, bar - from));
    if (range_in(a.words.back()))
      fail<UsageError>("{} {}: a range within a set is not taken apart", flag_name(key), text);
    from = bar + 1;
  }
  return a;
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
  std::vector<SweepAxis> axes;
  for (size_t at = 0; at < text.size();) {
    std::optional<SweepAxis> axis = range_at(key, text, at);
    if (!axis) axis = set_at(key, text, at);
    at = axis ? axis->end : at + 1;
    if (axis) axes.push_back(*axis);
  }
  for (SweepAxis& axis : axes) axis.name = varied_name(key, text, axis.begin);
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
