#include "apps/papers/selection/adaptive-k_cases.h"

#include <algorithm>
#include <cmath>

#include "apps/papers/landscape.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "data/label_noise.h"
#include "data/selection/adaptive_threshold.h"

namespace gradus {
namespace {

double mean_loss_of(std::span<const double> losses) {
  double mean = 0;
  for (const double l : losses) mean += l / static_cast<double>(losses.size());
  return mean;
}

CaseFunction adaptive_threshold_function() {
  return case_function<AdaptiveThresholdOptions>(
      {"adaptive-threshold",
       "moments of the batches' mean losses, the threshold they make, and what it keeps",
       {{"losses", "S,B"}},
       {{"m", "S"}, {"v", "S"}, {"threshold", "S"}, {"keep", "S,B", CaseType::kInt}}},
      [](const AdaptiveThresholdOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& losses = in.tensor("losses");
        const int64 steps = losses.dim(0), size = losses.dim(1);
        Tensor m({steps}), v({steps}), threshold({steps});
        IntTensor keep(losses.shape());
        AdaptiveThreshold adaptive(o);
        for (int64 s = 0; s < steps; ++s) {
          const std::vector<double> batch = doubles_of(losses.rows(s, s + 1));
          const double at = adaptive.next(mean_loss_of(batch));
          m.mutable_data()[s] = static_cast<real>(adaptive.m());
          v.mutable_data()[s] = static_cast<real>(adaptive.v());
          threshold.mutable_data()[s] = static_cast<real>(at);
          const std::vector<char> kept = losses_within(batch, at);
          std::copy(kept.begin(), kept.end(), keep.mutable_data() + s * size);
        }
        out.set("m", m);
        out.set("v", v);
        out.set("threshold", threshold);
        out.set("keep", keep);
      });
}

struct MklCase {
  int64 k = 1;
  void visit(auto&& f) { f("k", k, "losses that are kept", at_least(1)); }
};

CaseFunction mkl_select_function() {
  return case_function<MklCase>({"mkl-select",
                                 "the k smallest losses and their mean",
                                 {{"losses", "B"}},
                                 {{"keep", "B", CaseType::kInt}, {"loss", ""}}},
                                [](const MklCase& o, const CaseValues& in, CaseValues& out) {
                                  const std::vector<double> losses = doubles_of(in.tensor("losses"));
                                  const std::vector<char> kept = smallest_losses(losses, o.k);
                                  IntTensor keep(in.tensor("losses").shape());
                                  std::copy(kept.begin(), kept.end(), keep.mutable_data());
                                  double sum = 0, count = 0;
                                  for (size_t i = 0; i < losses.size(); ++i)
                                    if (kept[i]) sum += losses[i], count += 1;
                                  out.set("keep", keep);
                                  out.set("loss", sum / count);
                                });
}

CaseFunction label_noise_function() {
  return case_function<LabelNoise>(
      {"label-noise",
       "labels made wrong where `flip` is 1",
       {{"labels", "N", CaseType::kInt},
        {"flip", "N", CaseType::kInt},
        {"draw", "N", CaseType::kInt, "random: in 0..classes-2"}},
       {{"labels", "N", CaseType::kInt}}},
      [](const LabelNoise& o, const CaseValues& in, CaseValues& out) {
        const IntTensor& labels = in.ints("labels");
        out.set("labels",
                IntTensor::from(labels.shape(), with_label_noise(labels.span(), in.ints("flip").span(),
                                                                 in.ints("draw").span(), o)));
      });
}

struct AdaptiveKTrainCase {
  AdaptiveThresholdOptions moments;
  double lr = 0.1;
  int64 warmup_steps = 2;
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("warmup_steps", warmup_steps, "first batches, all of which is kept", at_least(0));
    moments.visit(f);
  }
};

CaseFunction adaptive_k_train_function() {
  return case_function<AdaptiveKTrainCase>(
      {"adaptive-k-train",
       "softmax regression by SGD on what the threshold keeps of each batch; threshold 0 while warming up",
       {{"x", "S,B,D"}, {"labels", "S,B", CaseType::kInt}, {"weight", "C,D"}, {"bias", "C"}},
       {{"threshold", "S"},
        {"kept", "S", CaseType::kInt},
        {"mean_loss", "S"},
        {"weight", "C,D"},
        {"bias", "C"}}},
      [](const AdaptiveKTrainCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& all = in.tensor("x");
        const int64 steps = all.dim(0), size = all.dim(1);
        std::vector<Tensor> w{in.tensor("weight").clone(), in.tensor("bias").clone()};
        Tensor threshold = Tensor::zeros({steps}), mean_loss({steps});
        IntTensor kept(Shape{steps});
        AdaptiveThreshold adaptive(o.moments);
        for (int64 s = 0; s < steps; ++s) {
          const Tensor x = all.rows(s, s + 1).view({size, all.dim(2)});
          const IntTensor y = in.ints("labels").rows(s, s + 1).view({size});
          const auto losses_at = [&](std::span<const Tensor> p) {
            return cross_entropy(matmul(x, p[0], false, true) + p[1], y, Reduction::kNone);
          };
          const std::vector<double> losses = doubles_of(losses_at(w));
          const double mean = mean_loss_of(losses);
          mean_loss.mutable_data()[s] = static_cast<real>(mean);
          std::vector<char> keep(losses.size(), 1);
          if (s >= o.warmup_steps) {
            const double at = adaptive.next(mean);
            threshold.mutable_data()[s] = static_cast<real>(at);
            keep = losses_within(losses, at);
          }
          const int64 count = std::count(keep.begin(), keep.end(), char{1});
          kept.mutable_data()[s] = count;
          if (count == 0) continue;
          Tensor share({size});
          for (int64 i = 0; i < size; ++i)
            share.mutable_data()[i] =
                static_cast<real>(keep[static_cast<size_t>(i)] / static_cast<double>(count));
          const ValueAndGrad at =
              value_and_grad([&](std::span<const Tensor> p) { return sum(share * losses_at(p)); }, w);
          for (size_t i = 0; i < w.size(); ++i)
            w[i] = stop_gradient(w[i] - static_cast<real>(o.lr) * at.grads[i]);
        }
        out.set("threshold", threshold);
        out.set("kept", kept);
        out.set("mean_loss", mean_loss);
        out.set("weight", w[0]);
        out.set("bias", w[1]);
      });
}

}  // namespace

std::vector<CaseFunction> adaptive_k_functions() {
  return {adaptive_threshold_function(), mkl_select_function(), label_noise_function(),
          adaptive_k_train_function()};
}

}  // namespace gradus
