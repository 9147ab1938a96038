#include "apps/papers/record.h"

#include <cmath>

#include "apps/papers/json_reader.h"
#include "apps/papers/readable_json.h"
#include "core/error.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
using Ordered = nlohmann::ordered_json;

constexpr size_t kCurvePoints = 60;
const std::vector<const char*> kVerdicts = {"shown", "not shown", "within noise"};

// Cut to six digits; null for what is not finite.
Ordered short_number(double v) {
  if (!std::isfinite(v)) return nullptr;
  return std::stod(fmt::format("{:.6g}", v));
}
Ordered short_numbers(const std::vector<double>& values) {
  Ordered list = Ordered::array();
  for (const double v : values) list.push_back(short_number(v));
  return list;
}

// Evenly spaced points, the first and the last among them.
Curve thinned(const Curve& c) {
  const size_t n = c.x.size();
  if (n <= kCurvePoints) return c;
  Curve out{c.x_label, {}, {}};
  for (size_t k = 0; k < kCurvePoints; ++k) {
    const size_t i = (k * (n - 1) + (kCurvePoints - 1) / 2) / (kCurvePoints - 1);
    out.x.push_back(c.x[i]);
    out.y.push_back(c.y[i]);
  }
  return out;
}

Ordered to_json(const Outcome& o, bool in_full) {
  Ordered json;
  json["metrics"] = Ordered::object();
  for (const auto& [name, v] : o.metrics) json["metrics"][name] = in_full ? Ordered(v) : short_number(v);
  if (!o.curves.empty()) json["curves"] = Ordered::object();
  for (const auto& [name, curve] : o.curves) {
    const Curve c = in_full ? curve : thinned(curve);
    json["curves"][name] = {{"label", c.x_label},
                            {"x", in_full ? Ordered(c.x) : short_numbers(c.x)},
                            {"y", in_full ? Ordered(c.y) : short_numbers(c.y)}};
  }
  if (o.diverged) json["diverged"] = true;
  if (!o.note.empty()) json["note"] = o.note;
  return json;
}

Outcome to_outcome(const JsonReader& in) {
  Outcome o;
  for (const auto& [name, v] : in.members("metrics").items()) o.metrics[name] = in.number(v, name);
  if (in.has("curves"))
    for (const auto& [name, v] : in.members("curves").items()) {
      const JsonReader c(v, in.where(name));
      o.curves[name] = {c.text("label"), c.numbers("x"), c.numbers("y")};
      if (o.curves[name].x.size() != o.curves[name].y.size())
        fail<DataError>("{}: x and y are not equally long", in.where(name));
    }
  o.diverged = in.flag("diverged", false);
  o.note = in.text("note", "");
  return o;
}

Ordered to_json(const ClaimRecord& c) {
  return {{"text", c.text},
          {"kind", c.kind},
          {"arms", c.arms},
          {"metric", c.metric},
          {"margin", short_number(c.margin)},
          {"central", c.central},
          {"verdict", verdict_name(c.verdict)},
          {"estimate", short_number(c.estimate)},
          {"low", short_number(c.low)},
          {"high", short_number(c.high)},
          {"p", short_number(c.p)}};
}

ClaimRecord to_claim(const JsonReader& in) {
  return {in.text("text"),
          in.text("kind"),
          in.texts("arms"),
          in.text("metric"),
          in.number("margin"),
          in.flag("central", true),
          verdict_of(in.text("verdict")),
          in.number("estimate"),
          in.number("low"),
          in.number("high"),
          in.number("p")};
}

Ordered to_json(const ArmRecord& a) {
  Ordered json = {{"name", a.name}};
  if (!a.setting.empty()) json["setting"] = a.setting;
  json["config"] = a.config;
  if (!a.command.empty()) json["command"] = a.command;
  if (!a.untuned.empty()) json["untuned"] = a.untuned;
  if (!a.trials.empty()) {
    json["tuned_for"] = a.tuned_for;
    for (const TrialRecord& t : a.trials) {
      json["trials"].push_back({{"options", t.options}, {"score", short_number(t.score)}});
      if (t.diverged) json["trials"].back()["diverged"] = true;
    }
    json["chosen"] = a.chosen;
  }
  if (!a.warnings.empty()) json["warnings"] = a.warnings;
  json["seeds"] = a.seeds;
  json["outcomes"] = Ordered::array();
  for (const Outcome& o : a.outcomes) json["outcomes"].push_back(to_json(o, false));
  return json;
}

ArmRecord to_arm(const JsonReader& in) {
  ArmRecord a;
  a.name = in.text("name");
  a.setting = in.text("setting", "");
  a.config = in.members("config");
  a.command = in.text("command", "");
  a.untuned = in.text("untuned", "");
  if (in.has("trials")) {
    a.tuned_for = in.text("tuned_for");
    for (const Json& v : in.array("trials")) {
      const JsonReader t(v, in.where("trials"));
      a.trials.push_back({t.text_map("options"), t.number("score"), t.flag("diverged", false)});
    }
    a.chosen = in.text_map("chosen");
  }
  if (in.has("warnings")) a.warnings = in.texts("warnings");
  a.seeds = in.integers("seeds");
  for (const Json& v : in.array("outcomes")) a.outcomes.push_back(to_outcome({v, in.where("outcomes")}));
  if (a.outcomes.size() != a.seeds.size())
    fail<DataError>("{}: as many outcomes as seeds expected", in.where("outcomes"));
  return a;
}

}  // namespace

const char* verdict_name(Verdict verdict) { return kVerdicts[static_cast<size_t>(verdict)]; }

Verdict verdict_of(const std::string& name) {
  for (size_t i = 0; i < kVerdicts.size(); ++i)
    if (name == kVerdicts[i]) return static_cast<Verdict>(i);
  fail<DataError>("'{}' is no verdict; there are: {}", name, fmt::join(kVerdicts, ", "));
}

Ordered record_json(const Record& r) {
  Ordered json = {{"format", "gradus-paper-result-1"},
                  {"slug", r.slug},
                  {"verdict", verdict_name(r.verdict)},
                  {"command", r.command},
                  {"version", r.version},
                  {"machine", r.machine},
                  {"seeds", r.seeds}};
  if (r.quick) json["quick"] = true;
  json["claims"] = Ordered::array();
  for (const ClaimRecord& c : r.claims) json["claims"].push_back(to_json(c));
  json["arms"] = Ordered::array();
  Ordered seconds = Ordered::object();
  for (const ArmRecord& a : r.arms) {
    json["arms"].push_back(to_json(a));
    seconds[a.name] = Ordered::array();
    for (const Outcome& o : a.outcomes) seconds[a.name].push_back(short_number(o.seconds));
  }
  json["times"] = {{"minutes", short_number(r.minutes)}, {"seconds", seconds}};
  return json;
}

std::string record_text(const Record& record) { return readable_json(record_json(record)); }

Record record_from_json(const Json& json, const std::string& source) {
  const JsonReader in(json, source);
  if (in.text("format", "") != "gradus-paper-result-1")
    fail<DataError>("{}: not a result of gradus papers", source);
  Record r;
  r.slug = in.text("slug");
  r.verdict = verdict_of(in.text("verdict"));
  r.command = in.text("command");
  r.version = in.text("version");
  r.machine = in.text("machine");
  r.seeds = in.integers("seeds");
  r.quick = in.flag("quick", false);
  for (const Json& v : in.array("claims")) r.claims.push_back(to_claim({v, in.where("claims")}));
  const JsonReader times = in.object("times"), seconds = times.object("seconds");
  r.minutes = times.number("minutes");
  for (const Json& v : in.array("arms")) {
    r.arms.push_back(to_arm({v, in.where("arms")}));
    ArmRecord& a = r.arms.back();
    const std::vector<double> spent = seconds.numbers(a.name.c_str());
    for (size_t i = 0; i < a.outcomes.size() && i < spent.size(); ++i) a.outcomes[i].seconds = spent[i];
  }
  return r;
}

Ordered outcome_json(const Outcome& outcome) { return to_json(outcome, true); }
Outcome outcome_from_json(const Json& json, const std::string& source) {
  return to_outcome(JsonReader(json, source));
}

}  // namespace gradus
