// SGG: learning rates scaled by groups of gradient size.
// Paper: Li, Tian, Wang, Jin, Liu, Zhang, Xu, "Taming LLMs by Scaling Learning Rates with Gradient Grouping", ACL 2025,
//        arXiv 2506.01049.
//   every step: entry i moves by S[label_i] times the step of the rule inside (decoupled decay apart); S = 1 at first
//   every recluster_interval steps, with the gradient mean m just updated, before the step:
//     labels = 1-D k-means of |m| in every layer, clusters sorted by centre
//     mda:  D_c = median over c of |m_i - mean(m)|;  D = median of D_c over all layers and clusters
//           S_c <- beta3*S_c + (1-beta3)*clip(D/(D_c + eps), clamp_min, clamp_max)
//     mean: E_c <- beta_c*E_c + (1-beta_c)*mean|m| in c, E = 1 at first
//           S_c <- clip(beta3*S_c + (1-beta3)*mean|m|/max(E_c, eps), clamp_min, clamp_max)
// Left alone: biases, norm gains, layers with fewer than 10*n_clusters entries or with all |m| equal.
// k-means is Lloyd's from the quantiles (the code's mini-batch k-means permutes its clusters between calls).
#include <algorithm>
#include <cmath>

#include "core/linalg.h"
#include "optim/rules/families.h"
#include "optim/wrapper.h"
#include "optim/wrappers/direction.h"
#include "optim/wrappers/gradient_mask.h"

namespace gradus::rules {
namespace {

struct SggOptions {
  int n_clusters = 3;
  int64 recluster_interval = 500;
  double beta3 = 0.99, beta_c = 0.999, eps = 1e-8, clamp_min = 0.1, clamp_max = 10;
  std::string scale_mode = "mda";
  void visit(auto&& f) {
    f("n_clusters", n_clusters, "clusters in each layer", between(1, 255));
    f("recluster_interval", recluster_interval, "steps between clusterings", at_least(1));
    f("beta3", beta3, "decay of the clusters' scales", between(0, 1));
    f("beta_c", beta_c, "decay of the clusters' mean sizes (mode mean)", between(0, 1));
    f("eps", eps, "added to (mda) or floor of (mean) the divisor", at_least(0));
    f("clamp_min", clamp_min, "smallest scale", positive());
    f("clamp_max", clamp_max, "largest scale", positive());
    f("scale_mode", scale_mode, "scales from deviations (paper) or means (code)", choices({"mda", "mean"}));
  }
};

class Sgg final : public Wrapper<SggOptions> {
 public:
  using Wrapper::Wrapper;

  void apply(Objective& objective, const StepInfo& info) override {
    const int64 t = ++table().steps;
    const std::vector<Tensor> before = weights_of(table().rows());
    inner().apply(objective, info);
    std::vector<Direction> all = directions(table().rows(), before, inner(), info.lr_scale);
    if (t % options().recluster_interval == 0) recluster(all);
    for (Direction& d : all) {
      State& s = d.row->state;
      if (!s.has("label")) continue;
      const real* scale = s("scale", {options().n_clusters}).data();
      const Tensor& label = s("label");
      for_each_element(d.step, label, [=](real& step, real c) { step *= scale[static_cast<int>(c)]; });
      d.apply();
    }
  }

 private:
  struct Layer {
    State* state;
    std::vector<double> m;
    linalg::Clusters clusters;
    std::vector<double> deviation;  // D_c; NaN for an empty cluster
  };

  static double mean_of(const std::vector<double>& values) {
    double sum = 0;
    for (double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
  static std::vector<double> sizes_of(const std::vector<double>& m) {
    std::vector<double> sizes;
    for (double x : m) sizes.push_back(std::abs(x));
    return sizes;
  }

  void recluster(std::vector<Direction>& all) {
    const int k = options().n_clusters;
    std::vector<Layer> layers;
    for (Direction& d : all) {
      const Parameter& p = *d.row->parameter;
      if (p.value.rank() < 2 || p.kind == ParamKind::kNorm || p.value.numel() < 10 * k) continue;
      const Tensor* mean = inner().slot(p, "m");
      if (!mean || !(mean->shape() == p.value.shape()))
        fail<UsageError>("optimizer sgg needs a rule that keeps a gradient mean 'm', which {} does not",
                         inner().name());
      Layer layer{&d.row->state, {mean->data(), mean->data() + mean->numel()}, {}, {}};
      const std::vector<double> sizes = sizes_of(layer.m);
      const auto [low, high] = std::minmax_element(sizes.begin(), sizes.end());
      if (*low == *high) continue;
      layer.clusters = linalg::kmeans_1d(sizes, k);
      real* label = (*layer.state)("label").mutable_data();
      std::copy(layer.clusters.labels.begin(), layer.clusters.labels.end(), label);
      layers.push_back(std::move(layer));
    }
    if (options().scale_mode == "mda") {
      scale_by_deviation(layers);
    } else {
      for (Layer& layer : layers) scale_by_mean(layer);
    }
  }

  real* scales(Layer& layer) {
    const Tensor ones = Tensor::ones({options().n_clusters});
    return layer.state->starting_at("scale", ones).mutable_data();
  }

  // Calls body(c, the values of cluster c) for every cluster that is not empty.
  static void each_cluster(const Layer& layer, const std::vector<double>& values, const auto& body) {
    std::vector<std::vector<double>> parts(layer.clusters.centres.size());
    for (size_t i = 0; i < values.size(); ++i)
      parts[static_cast<size_t>(layer.clusters.labels[i])].push_back(values[i]);
    for (size_t c = 0; c < parts.size(); ++c)
      if (!parts[c].empty()) body(c, parts[c]);
  }

  void scale_by_deviation(std::vector<Layer>& layers) {
    std::vector<double> every;
    for (Layer& layer : layers) {
      std::vector<double> deviation = layer.m;
      const double mean = mean_of(layer.m);
      for (double& x : deviation) x = std::abs(x - mean);
      layer.deviation.assign(layer.clusters.centres.size(), NAN);
      each_cluster(layer, deviation, [&](size_t c, std::vector<double>& part) {
        every.push_back(layer.deviation[c] = linalg::median(part));
      });
    }
    if (every.empty()) return;
    const double reference = linalg::median(every);
    for (Layer& layer : layers) {
      real* scale = scales(layer);
      for (size_t c = 0; c < layer.deviation.size(); ++c) {
        if (std::isnan(layer.deviation[c])) continue;
        const double raw = reference / (layer.deviation[c] + options().eps);
        scale[c] = mix(scale[c], std::clamp(raw, options().clamp_min, options().clamp_max));
      }
    }
  }

  void scale_by_mean(Layer& layer) {
    const std::vector<double> sizes = sizes_of(layer.m);
    const double overall = mean_of(sizes);
    std::vector<double> means(layer.clusters.centres.size(), overall);
    each_cluster(layer, sizes, [&](size_t c, const std::vector<double>& part) { means[c] = mean_of(part); });
    real* scale = scales(layer);
    for (size_t c = 0; c < means.size(); ++c) {
      double& e = layer.state->scalar(fmt::format("E{}", c), 1);
      e = options().beta_c * e + (1 - options().beta_c) * means[c];
      scale[c] = static_cast<real>(
          std::clamp(static_cast<double>(mix(scale[c], overall / std::max(e, options().eps))),
                     options().clamp_min, options().clamp_max));
    }
  }

  real mix(real old, double now) const {
    return static_cast<real>(options().beta3 * static_cast<double>(old) + (1 - options().beta3) * now);
  }
};

}  // namespace

OptimizerEntry sgg() {
  return wrapper_entry<Sgg>({"sgg", "scales the steps of clusters of like gradient size",
                             "Li et al., ACL 2025, arXiv 2506.01049", 5});
}

std::vector<OptimizerEntry> model_wrappers() {
  return {companion(), sam(), gradient_regularization(), amp(),
          lawn(),      sgg(), coordinate_clipping(),     gradient_mask_tuning()};
}

}  // namespace gradus::rules
