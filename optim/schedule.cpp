#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"
#include "optim/methods/refinement.h"

namespace gradus {
namespace {

/// Where a step stands: behind the warm-up, and from the very start.
struct Position {
  double t, total;  ///< steps since the warm-up, of how many
  double part;      ///< t/total, at most 1
  int64 step;       ///< since the very start
  int64 per_epoch;
};

int64 in_steps(int64 count, const std::string& unit, const Position& p) {
  return unit == "epochs" ? count * p.per_epoch : count;
}
double cosine_from(double a, double b, double part) {
  return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * part));
}

struct Constant {
  static constexpr bool kNeedsTotal = false;
  struct Options {
    void visit(auto&&) {}
  };
  static double scale(const Options&, const Position&) { return 1; }
};

struct Step {
  static constexpr bool kNeedsTotal = false;
  struct Options {
    int64 size = 30;
    double gamma = 0.1;
    std::string unit = "epochs";
    void visit(auto&& f) {
      f("size", size, "length of a stair", at_least(1));
      f("gamma", gamma, "factor from stair to stair", positive());
      f("unit", unit, "what size counts", choices({"steps", "epochs"}));
    }
  };
  static double scale(const Options& o, const Position& p) {
    return std::pow(o.gamma, static_cast<double>(p.step / in_steps(o.size, o.unit, p)));
  }
};

struct MultiStep {
  static constexpr bool kNeedsTotal = false;
  struct Options {
    std::vector<int64> milestones = {30, 60, 90};
    double gamma = 0.1;
    std::string unit = "epochs";
    void visit(auto&& f) {
      f("milestones", milestones, "where the factor falls", at_least(0));
      f("gamma", gamma, "factor at a milestone", positive());
      f("unit", unit, "what milestones count", choices({"steps", "epochs"}));
    }
  };
  static double scale(const Options& o, const Position& p) {
    double factor = 1;
    for (int64 m : o.milestones)
      if (p.step >= in_steps(m, o.unit, p)) factor *= o.gamma;
    return factor;
  }
};

struct Exponential {
  static constexpr bool kNeedsTotal = false;
  struct Options {
    double gamma = 0.95;
    std::string unit = "epochs";
    void visit(auto&& f) {
      f("gamma", gamma, "factor a unit", positive());
      f("unit", unit, "what gamma is for; epochs pass smoothly", choices({"steps", "epochs"}));
    }
  };
  static double scale(const Options& o, const Position& p) {
    return std::pow(o.gamma, p.t / static_cast<double>(in_steps(1, o.unit, p)));
  }
};

struct Cosine {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double min = 0;
    void visit(auto&& f) { f("min", min, "factor at the end", between(0, 1)); }
  };
  static double scale(const Options& o, const Position& p) { return cosine_from(1, o.min, p.part); }
};

struct Linear {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double min = 0;
    void visit(auto&& f) { f("min", min, "factor at the end", between(0, 1)); }
  };
  static double scale(const Options& o, const Position& p) { return 1 + (o.min - 1) * p.part; }
};

struct Polynomial {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double power = 2, min = 0;
    void visit(auto&& f) {
      f("power", power, "power of the share of steps left", positive());
      f("min", min, "factor at the end", between(0, 1));
    }
  };
  static double scale(const Options& o, const Position& p) {
    return o.min + (1 - o.min) * std::pow(1 - p.part, o.power);
  }
};

struct InverseSqrt {
  static constexpr bool kNeedsTotal = false;
  struct Options {
    double timescale = 1;
    void visit(auto&& f) { f("timescale", timescale, "steps before the decay bites", positive()); }
  };
  static double scale(const Options& o, const Position& p) {
    return std::sqrt(o.timescale / (p.t + o.timescale));
  }
};

// Smith, Topin, "Super-Convergence", 2017, arXiv 1708.07120; phases as torch.optim.lr_scheduler.OneCycleLR.
struct OneCycle {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double rise = 0.3, div_factor = 25, final_div_factor = 1e4;
    std::string anneal = "cosine";
    void visit(auto&& f) {
      f("rise", rise, "share of the steps in which the factor climbs to 1", between(0, 1));
      f("div_factor", div_factor, "the factor starts at 1/div_factor", at_least(1));
      f("final_div_factor", final_div_factor, "and ends this many times lower still", at_least(1));
      f("anneal", anneal, "form of both phases", choices({"cosine", "linear"}));
    }
  };
  static double scale(const Options& o, const Position& p) {
    const double first = 1 / o.div_factor, last = first / o.final_div_factor;
    const double peak = std::max(o.rise * p.total - 1, 0.0), end = std::max(p.total - 1, peak);
    const bool rising = p.t <= peak;
    const double length = rising ? peak : end - peak;
    const double part = length > 0 ? std::min((rising ? p.t : p.t - peak) / length, 1.0) : 1;
    const double from = rising ? first : 1, to = rising ? 1 : last;
    return o.anneal == "cosine" ? cosine_from(from, to, part) : from + (to - from) * part;
  }
};

// Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024, arXiv 2404.00498, appendix A: two straight lines. The peak is at the
// step floor(peak*total), as in the author's code.
struct Triangular {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double start = 0.2, peak = 0.23, end = 0.07;
    void visit(auto&& f) {
      f("start", start, "factor of the first step", between(0, 1));
      f("peak", peak, "share of the steps before the factor is 1", between(0, 1));
      f("end", end, "factor behind the last step", between(0, 1));
    }
  };
  static double scale(const Options& o, const Position& p) {
    const double peak = std::floor(o.peak * p.total);
    if (p.t < peak) return o.start + (1 - o.start) * p.t / peak;
    if (p.total <= peak) return 1;
    return 1 + (o.end - 1) * std::min((p.t - peak) / (p.total - peak), 1.0);
  }
};

// Warm-up, stable, decay: Hu et al., "MiniCPM", 2024, arXiv 2404.06395; 1-sqrt: Haegele et al., 2024, arXiv
// 2405.18392.
struct Wsd {
  static constexpr bool kNeedsTotal = true;
  struct Options {
    double decay = 0.2, min = 0;
    std::string shape = "linear";
    void visit(auto&& f) {
      f("decay", decay, "share of the steps, at the end, in which the factor falls", between(0, 1));
      f("min", min, "factor at the end", between(0, 1));
      f("shape", shape, "form of the fall", choices({"linear", "sqrt", "cosine"}));
    }
  };
  static double scale(const Options& o, const Position& p) {
    if (o.decay == 0 || p.part <= 1 - o.decay) return 1;
    const double part = (p.part - (1 - o.decay)) / o.decay;
    if (o.shape == "cosine") return cosine_from(1, o.min, part);
    return o.min + (1 - o.min) * (1 - (o.shape == "sqrt" ? std::sqrt(part) : part));
  }
};

struct WarmUp {
  int64 warmup = 0;
  double warmup_from = 0;
  void visit(auto&& f) {
    f("warmup", warmup, "steps of linear warm-up", at_least(0));
    f("warmup_from", warmup_from, "factor before the first step of the warm-up", between(0, 1));
  }
  double factor(int64 step) const {
    return warmup_from + (1 - warmup_from) * static_cast<double>(step + 1) / static_cast<double>(warmup);
  }
};

template <class Own>
struct WithWarmUp {
  Own own;
  WarmUp warm;
  void visit(auto&& f) {
    own.visit(f);
    warm.visit(f);
  }
};

template <class S>
class ScheduleOf final : public Schedule {
 public:
  using Options = WithWarmUp<typename S::Options>;
  ScheduleOf(std::string name, const OptionList& list, const Horizon& horizon)
      : name_(std::move(name)), horizon_(horizon) {
    set_options(options_, list, "schedule " + name_);
    if (S::kNeedsTotal && horizon.total_steps <= 0)
      fail<UsageError>("schedule {} needs to know the number of steps", name_);
    if constexpr (requires(Options o) { o.own.unit; })
      if (options_.own.unit == "epochs" && horizon.steps_per_epoch <= 0)
        fail<UsageError>("schedule {} needs to know the steps of an epoch, or unit=steps", name_);
  }
  double scale(int64 step) const override {
    const WarmUp& warm = options_.warm;
    if (step < warm.warmup) return warm.factor(step);
    const double t = static_cast<double>(step - warm.warmup);
    const double total = static_cast<double>(std::max<int64>(horizon_.total_steps - warm.warmup, 1));
    return S::scale(options_.own, {t, total, std::min(t / total, 1.0), step, horizon_.steps_per_epoch});
  }
  std::string spec() const override { return Spec{name_, "", option_list(options_)}.str(); }

 private:
  std::string name_;
  Options options_;
  Horizon horizon_;
};

// As torch.optim.lr_scheduler.ReduceLROnPlateau with a relative threshold.
struct PlateauOptions {
  double factor = 0.1, threshold = 1e-4, min = 0;
  int64 patience = 10, cooldown = 0;
  std::string mode = "min";
  void visit(auto&& f) {
    f("factor", factor, "what the scale is multiplied by",
      Limits{.low = 0, .high = 1, .low_open = true, .high_open = true});
    f("patience", patience, "observations without improvement that are let pass", at_least(0));
    f("threshold", threshold, "relative change that counts as improvement", at_least(0));
    f("cooldown", cooldown, "observations after a reduction that do not count", at_least(0));
    f("min", min, "the scale never falls below", between(0, 1));
    f("mode", mode, "min: watches the test loss; max: the test accuracy", choices({"min", "max"}));
  }
};

class Plateau final : public Schedule {
 public:
  Plateau(const OptionList& list, const Horizon&) {
    set_options(options_, list, "schedule plateau");
    best_ = options_.own.mode == "min" ? kInfinity : -kInfinity;
  }
  double scale(int64 step) const override {
    return step < options_.warm.warmup ? options_.warm.factor(step) * scale_ : scale_;
  }
  void observe(double metric) override {
    const PlateauOptions& o = options_.own;
    const bool better = o.mode == "min"
                            ? metric < best_ * (1 - o.threshold) || (std::isinf(best_) && metric < best_)
                            : metric > best_ * (1 + o.threshold) || (std::isinf(best_) && metric > best_);
    if (better)
      best_ = metric, bad_ = 0;
    else
      ++bad_;
    if (cooling_ > 0) --cooling_, bad_ = 0;
    if (bad_ <= static_cast<double>(o.patience)) return;
    scale_ = std::max(scale_ * o.factor, o.min);
    cooling_ = static_cast<double>(o.cooldown);
    bad_ = 0;
  }
  bool watches_score() const override { return options_.own.mode == "max"; }
  std::string spec() const override { return Spec{"plateau", "", option_list(options_)}.str(); }
  std::map<std::string, double> save_state() const override {
    return {{"scale", scale_}, {"best", best_}, {"bad", bad_}, {"cooling", cooling_}};
  }
  void load_state(const std::map<std::string, double>& saved) override {
    for (const char* key : {"scale", "best", "bad", "cooling"})
      if (!saved.contains(key)) fail<DataError>("schedule plateau: the saved state lacks '{}'", key);
    scale_ = saved.at("scale"), best_ = saved.at("best"), bad_ = saved.at("bad"),
    cooling_ = saved.at("cooling");
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  WithWarmUp<PlateauOptions> options_;
  double scale_ = 1, best_, bad_ = 0, cooling_ = 0;
};

template <class S>
ScheduleEntry entry(const std::string& name, const std::string& summary) {
  return {name, summary, describe_options<typename ScheduleOf<S>::Options>(),
          [name](const OptionList& list, const Horizon& horizon) -> std::unique_ptr<Schedule> {
            return std::make_unique<ScheduleOf<S>>(name, list, horizon);
          }};
}

ScheduleEntry plateau() {
  return {"plateau", "falls when the watched metric stops improving",
          describe_options<WithWarmUp<PlateauOptions>>(),
          [](const OptionList& list, const Horizon& horizon) -> std::unique_ptr<Schedule> {
            return std::make_unique<Plateau>(list, horizon);
          }};
}

}  // namespace

const std::vector<ScheduleEntry>& schedules() {
  static const std::vector<ScheduleEntry> table = {
      entry<Constant>("constant", "always 1"),
      entry<Step>("step", "gamma^floor(step/size)"),
      entry<MultiStep>("multistep", "times gamma at every milestone"),
      entry<Exponential>("exponential", "gamma^t"),
      entry<Cosine>("cosine", "half a cosine from 1 to min"),
      entry<Linear>("linear", "a straight line from 1 to min"),
      entry<Polynomial>("polynomial", "min + (1-min)*(1-t/T)^power"),
      entry<InverseSqrt>("inverse-sqrt", "sqrt(timescale/(t + timescale))"),
      entry<OneCycle>("one-cycle", "up to 1 and far down again"),
      entry<Triangular>("triangular", "straight up to 1, straight down to end"),
      entry<Wsd>("wsd", "stays at 1, falls at the end (warm-up, stable, decay)"),
      plateau(),
      refined_schedule_entry(),
  };
  return table;
}

const ScheduleEntry& find_schedule(std::string_view name) {
  std::vector<std::string> valid;
  for (const auto& e : schedules()) {
    if (e.name == name) return e;
    valid.push_back(e.name);
  }
  throw UsageError(unknown_name("schedule", name, valid));
}

std::unique_ptr<Schedule> make_schedule(std::string_view text, const Horizon& horizon) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("schedule '{}' takes nothing in parentheses", spec.name);
  return find_schedule(spec.name).make(spec.options, horizon);
}

}  // namespace gradus
