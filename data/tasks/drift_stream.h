// Images whose distribution drifts from batch to batch: how far it has gone, and what it does to them.
//
//   abrupt     nothing for the first half of the stream, all of it from there on
//   gradual    grows evenly from nothing to all of it
//   recurring  all of it in every second of `periods` equal parts, nothing in the others
//   turned     up to `degrees`;  noisy  contrast falls to 1 - fade and noise rises to sigma, at full drift
// Kinds of drift: Gama et al., "A Survey on Concept Drift Adaptation", ACM Computing Surveys 46(4), 2014.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/rng.h"
#include "core/tensor.h"

namespace gradus {

struct DriftOptions {
  std::string pattern = "gradual", change = "turned";
  int64 batches = 40, batch_size = 64, periods = 4;
  double degrees = 45, sigma = 2, fade = 0.3;
  void visit(auto&& f) {
    f("change", change, "what happens to images; alternating: turned and noisy by turns",
      choices({"turned", "noisy", "alternating"}));
    f("batches", batches, "batches of a stream", at_least(1));
    f("batch_size", batch_size, "images a batch", at_least(1));
    f("periods", periods, "recurring: parts of the stream", at_least(1));
    f("degrees", degrees, "turned: at full drift");
    f("sigma", sigma, "noisy: deviation at full drift, in units of the normalised pixels", at_least(0));
    f("fade", fade, "noisy: contrast that is lost at full drift", between(0, 1));
  }
};

/// How far the drift is gone at batch b = 0..batches-1, in 0..1.
double drift_level(const DriftOptions& options, int64 b);
/// Images (N,C,H,W) of batch b of the stream number `stream` = 0, 1, ...; `outside`: where turned ones end.
Tensor drifted_images(const DriftOptions& options, const Tensor& x, int64 stream, int64 b, real outside,
                      const Rng& rng);

struct DriftEntry {
  std::string name, summary;
  std::vector<OptionInfo> options;
};
const std::vector<DriftEntry>& drift_patterns();
/// "gradual:change=turned,batches=40". Throws UsageError for unknown names (naming the nearest) and options.
DriftOptions parse_drift(const std::string& text);

}  // namespace gradus
