// DP-SGD: every example's gradient clipped, and noise on their mean.
// Paper: Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang, "Deep Learning with Differential Privacy", CCS 2016,
//        arXiv 1607.00133.
//   B examples, g_i the gradient of example i;   g_i <- g_i*min(1, clip/||g_i||)         all tensors one vector
//   G = (sum g_i + noise*clip*z)/B,  z standard normal
// The rule inside steps with G. The noise is a function of step and parameter, so that runs can be repeated: it is no
// secret, and no privacy budget is counted. Batches are the trainer's, not a Poisson sample.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "optim/rules/objective_rules.h"
#include "optim/vocabulary/draws.h"
#include "optim/wrappers/refine.h"

namespace gradus::rules {
namespace {

struct DpSgd {
  struct Options {
    double clip = 1, noise = 1;
    void visit(auto&& f) {
      f("clip", clip, "largest norm of an example's gradient", positive());
      f("noise", noise, "standard deviation of the noise, in clips", at_least(0));
    }
  };
  static Needs needs(const Options&) { return {.per_sample = true}; }

  static std::vector<Tensor> refine(Neighbourhood<Options>& near) {
    const Options& o = near.options;
    // (B, shape) a parameter; undefined where the loss does not depend on it.
    const std::vector<Tensor> all = near.objective().per_sample_gradients();
    const Parameters& parameters = near.objective().parameters();
    std::vector<Tensor> rows(near.size());
    int64 examples = 0;
    for (size_t i = 0; i < near.size(); ++i)
      for (size_t j = 0; j < parameters.size(); ++j)
        if (parameters[j].get() == &near.parameter(i) && all[j].defined()) {
          rows[i] = all[j];
          examples = rows[i].dim(0);
        }
    std::vector<double> factors(static_cast<size_t>(examples));
    for (int64 k = 0; k < examples; ++k) {
      double square = 0;
      for (const Tensor& r : rows)
        if (r.defined()) square += sum_of_squares(r.rows(k, k + 1));
      if (!std::isfinite(square))
        fail<NumericError>("the gradient of an example is not finite; nothing was changed");
      factors[static_cast<size_t>(k)] =
          std::min(1.0, o.clip / std::sqrt(square)) / static_cast<double>(examples);
    }
    std::vector<Tensor> out;
    for (size_t i = 0; i < near.size(); ++i) {
      const Parameter& p = near.parameter(i);
      Tensor g = Tensor::zeros(p.value.shape());
      for (int64 k = 0; rows[i].defined() && k < examples; ++k) {
        const Tensor row = rows[i].rows(k, k + 1);
        for_each_element(g, row,
                         [c = real(factors[static_cast<size_t>(k)])](real& sum, real x) { sum += c * x; });
      }
      if (o.noise > 0 && examples > 0) {
        const Tensor z = normal_probe(near.objective(), p.name, p.value.shape(), near.info.step);
        for_each_element(g, z,
                         [c = real(o.noise * o.clip / static_cast<double>(examples))](real& sum, real x) {
                           sum += c * x;
                         });
      }
      out.push_back(g);
    }
    return out;
  }
};

}  // namespace

OptimizerEntry dp_sgd() {
  return refine_entry<DpSgd>({"dp-sgd", "clips every example's gradient and adds noise to their mean",
                              "Abadi et al., CCS 2016, arXiv 1607.00133", 2});
}

}  // namespace gradus::rules
