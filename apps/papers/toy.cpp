#include "apps/papers/toy.h"

#include <algorithm>
#include <cmath>

#include "apps/papers/landscape.h"

namespace gradus {
namespace {

double sign_of(double v) { return v > 0 ? 1 : v < 0 ? -1 : 0; }

double cross_value(const ToyPoint& w, ToyPoint& g) {
  g = {sign_of(w[0]), sign_of(w[1])};
  return std::abs(w[0]) + std::abs(w[1]);
}

double valley_value(const ToyPoint& w, ToyPoint& g) {
  const double along = w[0] - w[1], across = w[0] + w[1];
  g = {sign_of(across) + sign_of(along) / 10, sign_of(across) - sign_of(along) / 10};
  return std::abs(across) + std::abs(along) / 10;
}

}  // namespace

ToyFunction toy_cross() { return {"cross", cross_value}; }
ToyFunction toy_valley() { return {"valley", valley_value}; }

void descend(const Trial& trial, const ToyFunction& f, const ToyPoint& start, double target, int64 most,
             Outcome& outcome) {
  const Landscape landscape{[&](std::span<const double> w, std::span<double> gradient) {
    ToyPoint g;
    const double value = f.value({w[0], w[1]}, g);
    std::copy(g.begin(), g.end(), gradient.begin());
    return value;
  }};
  Walk walk(trial.word("optim"), start);
  Curve curve{"step", {}, {}};
  double least = INFINITY;
  int64 reached = most + 1;
  for (int64 step = 0; step <= most; ++step) {
    const std::vector<double> w = walk.point();
    ToyPoint gradient;
    const double value = f.value({w[0], w[1]}, gradient);
    curve.x.push_back(static_cast<double>(step));
    curve.y.push_back(value);
    least = std::min(least, value);
    if (value < target) {
      reached = step;
      break;
    }
    trial.checkpoint(static_cast<double>(step) / static_cast<double>(most));
    walk.step(landscape);
  }
  outcome.metrics[f.name + "_steps"] = static_cast<double>(reached);
  outcome.metrics[f.name + "_loss"] = least;
  outcome.curves[f.name + "_value"] = std::move(curve);
}

}  // namespace gradus
