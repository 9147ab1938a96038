// APECS: a controller between a person and a machine, with a Lipschitz bound and a sector around the person's command.
// Paper: Juston, Gisi, Norris, Nottage, Soylemezoglu, "APECS: Adaptive Personalized Control System Architecture", 2025, arXiv
//        2503.09624.
//   u = sector_saturation(lipschitz_output(features), u_h);  J = gamma mean (u-u_e)^2 + (1-gamma) mean (u-u_h)^2
// The claims: driving closed loop, the corrected commands follow a path better than the person's own, by 4 %; with a faulty sensor
// better than those of a network without bounds, by 9 %; no command ever leaves the sector.
// Setting (own): a unicycle at 1 m/s on a path of three sines for 20 s; expert: proportional-derivative with curvature; the person: the
// same with weaker gains, delayed by 0.25 s, lagging and noisy; 6 recorded paths, 8 driven. Faulty sensor: noise of deviation 1 on
// every feature but the person's command. Departures: one person. The network without bounds is a perceptron of two layers of 24 tanh
// units (793 numbers, the bounded one has 880), trained by the same loss and steps and tuned over the same step sizes; its command is
// clipped to [-1,1] alone.
#include <algorithm>
#include <cmath>
#include <deque>
#include <numbers>

#include "apps/control/plain_control.h"
#include "apps/control/shared_control.h"
#include "apps/papers/domain/apecs_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "core/rng.h"
#include "data/signals/unicycle.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kPathFeatures =
    6;  // offset, heading, curvature here, half a second and a second ahead, the person's command

struct SinePath {
  double amplitude[3], wave[3], phase[3];
  explicit SinePath(Rng& rng) {
    for (int i = 0; i < 3; ++i)
      amplitude[i] = 0.6, wave[i] = rng.uniform(6, 15), phase[i] = rng.uniform(0, 2 * std::numbers::pi);
  }
  // The k-th derivative of y by x.
  double at(double x, int k) const {
    double y = 0;
    for (int i = 0; i < 3; ++i) {
      const double w = 2 * std::numbers::pi / wave[i];
      y += amplitude[i] * std::pow(w, k) * std::sin(w * x + phase[i] + k * std::numbers::pi / 2);
    }
    return y;
  }
  double curvature(double x) const { return at(x, 2) / std::pow(1 + at(x, 1) * at(x, 1), 1.5); }
};

// What both drivers see: offset from the path, error of heading, curvature here and ahead.
std::vector<double> path_errors(const SinePath& path, const Tensor& state) {
  const double x = static_cast<double>(state.data()[0]), heading = std::atan(path.at(x, 1));
  return {(static_cast<double>(state.data()[1]) - path.at(x, 0)) * std::cos(heading),
          static_cast<double>(state.data()[2]) - heading, path.curvature(x), path.curvature(x + 0.5),
          path.curvature(x + 1)};
}

double driver(const std::vector<double>& e, double gain) {
  return std::clamp(gain * (-1.6 * e[0] - 1.8 * e[1] + 0.5 * e[2]), -1.0, 1.0);
}

// The person: gains x 0.8, 5 steps late, a lag of 0.15 s, noise that grows with the command, a bias.
class Person {
 public:
  explicit Person(Rng rng) : rng_(rng), late_(5, 0.0) {}
  double command(const std::vector<double>& errors) {
    late_.push_back(driver(errors, 0.8));
    held_ += 0.05 / 0.15 * (late_.front() - held_);
    late_.pop_front();
    return std::clamp(held_ + 0.1 * std::abs(held_) * rng_.normal() + 0.03, -1.0, 1.0);
  }

 private:
  Rng rng_;
  std::deque<double> late_;
  double held_ = 0;
};

std::vector<real> features_of(const std::vector<double>& e, double u_h) {
  return {static_cast<real>(std::clamp(e[0], -2.0, 2.0)),
          static_cast<real>(std::clamp(e[1], -2.0, 2.0)),
          static_cast<real>(e[2]),
          static_cast<real>(e[3]),
          static_cast<real>(e[4]),
          static_cast<real>(u_h)};
}

// Drives a path; `command` gives u from features and the person's command. Returns the root mean squared offset.
template <class Command>
double drive(const SinePath& path, Rng rng, int64 steps, double fault, const Command& command) {
  Person person(rng.fork("person"));
  Rng noise = rng.fork("fault");
  Tensor state = Tensor::from(
      {1, 3}, {real(0), static_cast<real>(path.at(0, 0)), static_cast<real>(std::atan(path.at(0, 1)))});
  double squares = 0;
  for (int64 t = 0; t < steps; ++t) {
    const std::vector<double> e = path_errors(path, state);
    squares += e[0] * e[0] / static_cast<double>(steps);
    const double u_h = person.command(e);
    std::vector<real> f = features_of(e, u_h);
    if (fault > 0)
      for (size_t i = 0; i + 1 < f.size(); ++i) f[i] += static_cast<real>(fault * noise.normal());
    const double u = command(e, f, u_h);
    state = unicycle_step(state, Tensor::from({1}, {static_cast<real>(u)}));
  }
  return std::sqrt(squares);
}

Outcome drive_paths(const Trial& trial) {
  const Rng seed = Rng(static_cast<std::uint64_t>(trial.seed)).fork(trial.tuning ? "tuning" : "test");
  const int64 steps = trial.quick ? 20 : 400, recorded = trial.quick ? 1 : 6, driven = trial.quick ? 1 : 8;
  const std::string& who = trial.word("driver");
  SharedControlOptions o;
  std::vector<real> rows, u_h, u_e;
  for (int64 p = 0; p < recorded; ++p) {
    Rng rng = seed.fork("recorded").fork(static_cast<std::uint64_t>(p));
    const SinePath path(rng);
    drive(path, rng, steps, 0, [&](const std::vector<double>& e, const std::vector<real>& f, double u) {
      if (std::abs(u) >= 0.02) {  // commands near zero leave the sector no room, and so no gradient
        rows.insert(rows.end(), f.begin(), f.end());
        u_h.push_back(static_cast<real>(u));
        u_e.push_back(static_cast<real>(driver(e, 1)));
      }
      return u;
    });
  }
  const int64 n = std::ssize(u_h);
  if (n == 0) return {};
  // The weight of the expert is that of the sector claimed, for both networks.
  o.gamma = worst_case_weight(Tensor::from({n, 1}, u_h), Tensor::from({n, 1}, u_e)).gamma;
  Rng rng = seed.fork("network");
  const int64 layers = 3, width = 16, hidden = 16, updates = trial.quick ? 3 : 300;
  const Tensor features = Tensor::from({n, kPathFeatures}, rows), human = Tensor::from({n, 1}, u_h),
               expert = Tensor::from({n, 1}, u_e);
  o.lr = who == "person" ? 1e-3 : trial.number("lr");
  PlainControlTraining plain(features, human, expert, {24, 24}, {.gamma = o.gamma, .lr = o.lr},
                             rng.fork("plain"));
  SharedControlTraining training(
      features, human, expert,
      {rng.normal_tensor({layers, width, hidden}, 0, real(0.25)), Tensor::zeros({layers, hidden}),
       Tensor::zeros({layers, hidden}), rng.normal_tensor({1, width}, 0, real(0.25)), Tensor::zeros({1}),
       Tensor::scalar(0)},
      o);
  for (int64 t = 0; who != "person" && t < updates; ++t) {
    who == "free" ? plain.step() : training.step();
    trial.checkpoint(static_cast<double>(t) / 400);
  }
  const LipschitzNet net = training.net();
  Outcome outcome;
  double violations = 0;
  for (const double fault : {0.0, 1.0}) {
    double error = 0;
    for (int64 p = 0; p < driven; ++p) {
      Rng path_rng = seed.fork("driven").fork(static_cast<std::uint64_t>(p));
      const SinePath path(path_rng);
      error += drive(path, path_rng, steps, fault,
                     [&](const std::vector<double>&, const std::vector<real>& f, double command) {
                       if (who == "person") return command;
                       const Recording off(false);
                       const Tensor x = Tensor::from({1, kPathFeatures}, f);
                       const Tensor u =
                           who == "free" ? plain.commands(x)
                                         : sector_saturation(
                                               lipschitz_output(net, x, o.lipschitz),
                                               Tensor::from({1, 1}, {static_cast<real>(command)}), o.sector);
                       const double v = static_cast<double>(u.item());
                       // Beyond the sector 0.5 to 1.5, but for rounding.
                       const double lo = std::min(0.5 * command, 1.5 * command),
                                    hi = std::max(0.5 * command, 1.5 * command);
                       violations += v < lo - 1e-6 || v > hi + 1e-6;
                       return v;
                     }) /
               static_cast<double>(driven);
      trial.checkpoint(0.9);
    }
    outcome.metrics[fault > 0 ? "faulty_sensor_error" : "tracking_error"] = error;
  }
  outcome.metrics["sector_violations"] = violations;
  return outcome;
}

void apecs_experiment(Experiment& e) {
  e.tune_for("tracking_error");
  const std::vector<double> lr = {1e-3, 3e-3, 1e-2, 3e-2};
  e.arm("apecs").run(drive_paths, {{"driver", "apecs"}}).tune("lr", lr);
  e.arm("free").run(drive_paths, {{"driver", "free"}}).tune("lr", lr);
  e.arm("person").run(drive_paths, {{"driver", "person"}}).untuned("drives alone");
  e.claim("follows the path 4 % better than the person alone",
          ratio_at_most("apecs", "person", "tracking_error", 0.96));
  e.claim("with a faulty sensor 9 % better than without bounds",
          ratio_at_most("apecs", "free", "faulty_sensor_error", 0.91));
  e.claim("never leaves the sector", at_most("apecs", "sector_violations", 0.5));
}

}  // namespace

Paper apecs() {
  return {.slug = "apecs",
          .family = "domain",
          .title = "APECS: Adaptive Personalized Control System Architecture",
          .authors = "Juston, Gisi, Norris, et al.",
          .venue = "arXiv",
          .year = 2025,
          .arxiv = "2503.09624",
          .idea =
              "A network corrects a person's commands; it is Lipschitz by construction, stays in a sector "
              "around the "
              "command, and learns "
              "from an expert and the person by weights that balance their worst cases. Claimed: better "
              "driving, robust to faults.",
          .equations =
              "T_i = max(sum_j |W'W|_ij q_j/q_i, 1e-6),  x <- x - 2 W (relu(W'x + b)/T)\n"
              "y = L_t x Wo'/n(Wo) + c,  u = min(max(y, lo), hi),  lo, hi of a*u_h, b*u_h\n"
              "J = gamma mean (u-u_e)^2 + (1-gamma) mean (u-u_h)^2,  gamma = human/(human + expert)",
          .files = {"nn/control/lipschitz.cpp", "nn/control/sector.cpp", "apps/control/shared_control.cpp",
                    "data/signals/unicycle.cpp"},
          .use = "SharedControlTraining of apps/control/shared_control.h",
          .functions = apecs_functions(),
          .experiment = apecs_experiment,
          .minutes = 3};
}

}  // namespace gradus::paper_entries
