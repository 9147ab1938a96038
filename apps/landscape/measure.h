// A landscape, measured part by part; what is done is kept, so that a measurement that was cut goes on where it was.
//   eigenvalues  the largest of the Hessian, by Lanczos
//   trace        of the Hessian: mean of z'Hz over random signs z (Hutchinson)
//   density      of its eigenvalues, by stochastic Lanczos quadrature
//   sharpness    rise of the loss at radius rho, at worst and in the mean (nn/sharpness), batch by batch
//   line, plane  the loss along one and two directions through the weights
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "apps/landscape/surface.h"
#include "core/options.h"

namespace gradus {

struct LandscapeOptions {
  int64 eigenvalues = 3, lanczos_steps = 60, probes = 10, density_steps = 30;
  double tolerance = 1e-3, rho = 0.05;
  std::string norm = "l2", directions = "filter";
  bool adaptive = false;
  int64 ascent_steps = 20, points = 41;
  double range = 1;
  bool plane = true;
  int64 seed = 0;

  void visit(auto&& f) {
    f("eigenvalues", eigenvalues, "how many of the largest eigenvalues of the Hessian; 0: none", at_least(0));
    f("lanczos_steps", lanczos_steps, "Hessian products for them at most", at_least(1));
    f("tolerance", tolerance, "their residuals are below this part of the largest, if the steps suffice",
      positive());
    f("probes", probes, "random vectors for trace and density; 0: neither", at_least(0));
    f("density_steps", density_steps, "Hessian products for each probe of the density", at_least(1));
    f("rho", rho, "radius of sharpness; 0: none", at_least(0));
    f("norm", norm, "of the perturbations of sharpness", choices({"l2", "linf"}));
    f("adaptive", adaptive, "radius relative to each weight");
    f("ascent_steps", ascent_steps, "of the search for the worst perturbation", at_least(1));
    f("points", points, "of a slice along each direction; 0: no slices", at_least(0));
    f("range", range, "slices reach so far to either side", positive());
    f("directions", directions,
      "of slices: filter, random with each filter as long as its weights; random, as long as all weights; "
      "eigen, unit eigenvectors of the two largest eigenvalues",
      choices({"filter", "random", "eigen"}));
    f("plane", plane, "leave out the slice along two directions");
    f("seed", seed, "of directions and probes", at_least(0));
  }
};

/// Thrown out of a measurement that was told to stop; all that was finished is in the record.
class LandscapeStopped : public std::runtime_error {
 public:
  LandscapeStopped() : std::runtime_error("stopped") {}
};

struct LandscapeHooks {
  std::function<bool()> stop;                                           ///< asked before every evaluation
  std::function<void(const std::string& what, double share)> progress;  ///< share of the whole
  std::function<void()> save;                                           ///< called after whatever may be kept
};

/// Fills what `record` does not hold yet. Throws LandscapeStopped; NumericError where the loss has no finite derivatives.
void measure_landscape(const Surface& surface, const LandscapeOptions& options,
                       nlohmann::ordered_json& record, const LandscapeHooks& hooks);

/// -range..range in `points` equal steps; one point alone is 0.
std::vector<double> slice_positions(const LandscapeOptions& options);

}  // namespace gradus
