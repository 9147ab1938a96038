#include "apps/landscape/measure.h"

#include <algorithm>
#include <cmath>

#include "apps/landscape/directions.h"
#include "autograd/functional/flat.h"
#include "autograd/functional/lanczos.h"
#include "core/statistics.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// Of m-sharpness as its papers have it.
constexpr int64 kSharpnessBatch = 128;

class Measurement {
 public:
  Measurement(const Surface& surface, const LandscapeOptions& options, Json& record,
              const LandscapeHooks& hooks)
      : surface_(surface),
        o_(options),
        record_(record),
        hooks_(hooks),
        rng_(static_cast<std::uint64_t>(o_.seed)) {
    const int64 slices = o_.points + (o_.plane ? o_.points * o_.points : 0);
    // In products with the Hessian; a loss costs about a fifth of one.
    all_ = static_cast<double>((o_.eigenvalues > 0 ? o_.lanczos_steps : 0) +
                               o_.probes * (1 + o_.density_steps)) +
           0.2 * static_cast<double>(slices);
  }

  void run() {
    if (!record_.contains("loss")) {
      record_["loss"] = surface_.loss(surface_.weights());
      hooks_.save();
    }
    if (o_.eigenvalues > 0) eigenvalues();
    trace();
    density();
    if (o_.rho > 0) sharpness();
    if (o_.points > 0) slices();
  }

 private:
  void tick(const std::string& what, double cost) {
    if (hooks_.stop()) throw LandscapeStopped();
    done_ += cost;
    hooks_.progress(what, std::min(1.0, done_ / std::max(all_, 1.0)));
  }
  LinearOperator hessian(const std::string& what) {
    return [this, what](std::span<const Tensor> v) {
      tick(what, 1);
      return surface_.hessian_times(v);
    };
  }
  EigenPairs top(int64 count) {
    Rng start = rng_.fork("eigenvalues");
    return top_eigenvalues(hessian("eigenvalues"), surface_.weights(), static_cast<int>(count), start,
                           {static_cast<int>(o_.lanczos_steps), o_.tolerance});
  }

  void eigenvalues() {
    if (record_.contains("eigenvalues")) return;
    const EigenPairs found = top(o_.eigenvalues);
    record_["eigenvalues"] = {
        {"values", found.values}, {"residuals", found.residuals}, {"products", found.steps}};
    hooks_.save();
  }

  // A list of the record; references into it do not last, for the record grows.
  Json list_of(const char* part, const char* key) const {
    return record_.contains(part) && record_.at(part).contains(key) ? record_.at(part).at(key)
                                                                    : Json::array();
  }

  void trace() {
    Json estimates = list_of("trace", "estimates");
    for (int64 k = std::ssize(estimates); k < o_.probes; ++k) {
      Rng probe = rng_.fork("trace").fork(static_cast<std::uint64_t>(k));
      estimates.push_back(hutchinson_trace(hessian("trace"), surface_.weights(), 1, probe).mean);
      const std::vector<double> values = estimates.get<std::vector<double>>();
      record_["trace"] = {
          {"mean", mean_of(values)},
          {"standard_error", deviation_of(values) / std::sqrt(static_cast<double>(values.size()))},
          {"estimates", estimates}};
      hooks_.save();
    }
  }

  void density() {
    Json probes = list_of("density", "probes");
    for (int64 k = std::ssize(probes); k < o_.probes; ++k) {
      Rng probe = rng_.fork("density").fork(static_cast<std::uint64_t>(k));
      const SpectralDensity found = spectral_density(hessian("density"), surface_.weights(), 1,
                                                     static_cast<int>(o_.density_steps), probe);
      probes.push_back({{"nodes", found.nodes}, {"weights", found.weights}});
      record_["density"] = {{"probes", probes}};
      hooks_.save();
    }
  }

  void sharpness() {
    const std::vector<BatchFunction> batches = surface_.batches_of(kSharpnessBatch);
    const Shape all{total_size(surface_.weights())};
    Json list = list_of("sharpness", "batches");
    for (size_t b = list.size(); b < batches.size(); ++b) {
      const BatchFunction batch = [&](std::span<const Tensor> w) {
        tick("sharpness", 0);
        return batches[b](w);
      };
      const WorstCase worst = worst_case_sharpness(
          batch, surface_.weights(),
          {.rho = o_.rho, .norm = o_.norm, .adaptive = o_.adaptive, .n_iters = o_.ascent_steps});
      Rng draws = rng_.fork("sharpness").fork(b);
      // Of length 1 in the mean, so that both measures look at the same ball.
      const real unit = static_cast<real>(1 / std::sqrt(static_cast<double>(all.numel())));
      const auto draw = [&] {
        return o_.norm == "l2" ? draws.normal_tensor(all, 0, unit) : draws.uniform_tensor(all, -1, 1);
      };
      const ScoreChange mean =
          average_sharpness(batch, surface_.weights(), draw, o_.ascent_steps, o_.rho, o_.adaptive);
      list.push_back({{"worst", worst.change.loss}, {"average", mean.loss}});
      std::vector<double> at_worst, in_mean;
      for (const Json& one : list) {
        at_worst.push_back(one.at("worst").get<double>());
        in_mean.push_back(one.at("average").get<double>());
      }
      record_["sharpness"] = {{"worst", mean_of(at_worst)}, {"average", mean_of(in_mean)}, {"batches", list}};
      hooks_.save();
    }
  }

  void slices() {
    Json rows = record_.contains("plane") ? record_.at("plane") : Json::array();
    const bool line = !record_.contains("line"), plane = o_.plane && std::ssize(rows) < o_.points;
    if (!line && !plane) return;
    Tensors first, second;
    if (o_.directions == "eigen") {
      const EigenPairs pairs = top(2);
      first = pairs.vectors[0];
      second = pairs.vectors[std::min<size_t>(1, pairs.vectors.size() - 1)];
    } else {
      Rng one = rng_.fork("first direction"), two = rng_.fork("second direction");
      const auto direction = o_.directions == "filter" ? filter_direction : random_direction;
      first = direction(surface_.weights(), one);
      second = direction(surface_.weights(), two);
    }
    const std::vector<double> at = slice_positions(o_);
    const auto loss = [&](const char* what, double a, double b) {
      tick(what, 0.2);
      const double value = surface_.loss(moved(surface_.weights(), a, first, b, second));
      return std::isfinite(value) ? Json(value) : Json();  // JSON has no infinity
    };
    if (line) {
      Json values = Json::array();
      for (const double a : at) values.push_back(loss("line", a, 0));
      record_["line"] = values;
      hooks_.save();
    }
    for (size_t r = rows.size(); plane && r < at.size(); ++r) {
      Json row = Json::array();
      for (const double a : at) row.push_back(loss("plane", a, at[r]));
      rows.push_back(row);
      record_["plane"] = rows;
      hooks_.save();
    }
  }

  const Surface& surface_;
  const LandscapeOptions& o_;
  Json& record_;
  const LandscapeHooks& hooks_;
  Rng rng_;
  double all_ = 1, done_ = 0;
};

}  // namespace

std::vector<double> slice_positions(const LandscapeOptions& o) {
  std::vector<double> at;
  for (int64 i = 0; i < o.points; ++i)
    at.push_back(o.points == 1 ? 0
                               : o.range * static_cast<double>(2 * i - (o.points - 1)) /
                                     static_cast<double>(o.points - 1));
  return at;
}

void measure_landscape(const Surface& surface, const LandscapeOptions& options, Json& record,
                       const LandscapeHooks& hooks) {
  Measurement(surface, options, record, hooks).run();
}

}  // namespace gradus
