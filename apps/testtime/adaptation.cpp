#include "apps/testtime/adaptation.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "apps/train/task.h"
#include "autograd/grad.h"
#include "core/error.h"
#include "nn/layers/norm.h"
#include "nn/modes.h"
#include "nn/testtime/prediction_entropy.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// The values of parameters and buffers, put back at the end.
class Restored {
 public:
  explicit Restored(Model& model) : model_(model) {
    for (const ParameterPtr& p : model.parameters()) values_.push_back(p->value.clone());
    each_buffer([&](Tensor& b) { buffers_.push_back(b.clone()); });
  }
  ~Restored() { restore(); }
  Restored(const Restored&) = delete;
  Restored& operator=(const Restored&) = delete;
  void restore() {
    size_t next = 0;
    for (const ParameterPtr& p : model_.parameters()) copy(values_[next++], p->value);
    next = 0;
    each_buffer([&](Tensor& b) { copy(buffers_[next++], b); });
  }

 private:
  static void copy(const Tensor& from, Tensor& to) {
    std::copy_n(from.data(), from.numel(), to.mutable_data());
  }
  template <class F>
  void each_buffer(const F& f) {
    model_.visit([&](Module& m, const std::string&) {
      for (Module::NamedBuffer& b : m.buffers()) f(b.value);
    });
  }
  Model& model_;
  std::vector<Tensor> values_, buffers_;
};

bool has_batch_norm(Model& model) {
  bool found = false;
  model.visit([&](Module& m, const std::string&) { found |= dynamic_cast<BatchNorm2d*>(&m) != nullptr; });
  return found;
}

// Batch norm normalises by the batch; all else as in evaluation.
Tensor by_batch(Model& model, const Batch& batch) {
  EstimationScope scope(model);
  scope.next();
  return model(input_of(batch));
}

class BatchStatistics final : public Adaptation {
 public:
  struct Options {
    void visit(auto&&) {}
  };
  BatchStatistics(Model& model, const Options&) : model_(model), before_(model) {
    if (!has_batch_norm(model))
      fail<UsageError>("adaptation batch-statistics: model {} has no batch norm", model.spec());
  }
  Tensor output(const Batch& batch) override { return by_batch(model_, batch); }

 private:
  Model& model_;
  Restored before_;
};

class EntropySteps final : public Adaptation {
 public:
  struct Options {
    double lr = 1e-3;
    int64 steps = 1;
    std::string parameters = "norm", statistics = "batch";
    bool episodic = false;
    void visit(auto&& f) {
      f("lr", lr, "step size of Adam", positive());
      f("steps", steps, "steps a batch", at_least(0));
      f("parameters", parameters, "what moves: gains and biases of norms, all biases, the last layer",
        choices({"norm", "bias", "head"}));
      f("statistics", statistics, "of batch norm: the batch's or those of training",
        choices({"batch", "trained"}));
      f("episodic", episodic, "every batch starts from the trained weights");
    }
  };
  EntropySteps(Model& model, const Options& o)
      : model_(model), before_(model), o_(o), by_batch_(o.statistics == "batch" && has_batch_norm(model)) {
    const ParamKind kind = o.parameters == "norm"   ? ParamKind::kNorm
                           : o.parameters == "bias" ? ParamKind::kBias
                                                    : ParamKind::kHead;
    for (const ParameterPtr& p : model.parameters())
      if (p->kind == kind && !p->frozen) chosen_.push_back(p);
    if (chosen_.empty())
      fail<UsageError>("adaptation entropy: model {} has no parameters of kind {}; parameters=bias or head",
                       model.spec(), o.parameters);
    for (const ParameterPtr& p : chosen_) values_.push_back(p->value);
    restart();
  }
  Tensor output(const Batch& batch) override {
    if (o_.episodic) before_.restore(), restart();
    for (int64 t = 0; t < o_.steps; ++t) {
      const Recording on(true);
      const Tensor entropy = prediction_entropy(predicted(batch));
      std::vector<Tensor> gradients = grad(entropy, values_);
      for (size_t i = 0; i < chosen_.size(); ++i) chosen_[i]->grad = std::move(gradients[i]);
      adam_->step(1, static_cast<double>(entropy.item()));
    }
    return predicted(batch).detach();
  }

 private:
  Tensor predicted(const Batch& batch) {
    return by_batch_ ? by_batch(model_, batch) : model_(input_of(batch));
  }
  void restart() { adam_ = make_optimizer(fmt::format("adam:lr={}", o_.lr), chosen_); }
  Model& model_;
  Restored before_;
  Options o_;
  bool by_batch_;
  Parameters chosen_;
  std::vector<Tensor> values_;
  OptimizerPtr adam_;
};

// Images resized by `scale` around their middles, bilinear; nothing lies outside.
Tensor resized(const Tensor& images, double scale, real outside) {
  const int64 planes = images.dim(0) * images.dim(1), H = images.dim(2), W = images.dim(3);
  Tensor out(images.shape());
  for (int64 p = 0; p < planes; ++p)
    for (int64 y = 0; y < H; ++y)
      for (int64 x = 0; x < W; ++x) {
        const double from_y = (static_cast<double>(2 * y - H + 1) / scale + static_cast<double>(H - 1)) / 2,
                     from_x = (static_cast<double>(2 * x - W + 1) / scale + static_cast<double>(W - 1)) / 2;
        const double top = std::floor(from_y), left = std::floor(from_x);
        double value = 0;
        for (int corner = 0; corner < 4; ++corner) {
          const double cy = top + corner / 2, cx = left + corner % 2,
                       weight = (1 - std::abs(from_y - cy)) * (1 - std::abs(from_x - cx));
          const bool inside =
              cy >= 0 && cx >= 0 && cy < static_cast<double>(H) && cx < static_cast<double>(W);
          value += weight *
                   static_cast<double>(
                       inside ? images.data()[(p * H + static_cast<int64>(cy)) * W + static_cast<int64>(cx)]
                              : outside);
        }
        out.mutable_data()[(p * H + y) * W + x] = static_cast<real>(value);
      }
  return out;
}

class EntropyScale final : public Adaptation {
 public:
  struct Options {
    double low = 0.7, high = 1.4;
    int64 scales = 5;
    void visit(auto&& f) {
      f("low", low, "least scale", positive());
      f("high", high, "largest scale", positive());
      f("scales", scales, "how many between them, in equal ratios; 1 is tried too", at_least(2));
    }
  };
  EntropyScale(Model& model, const Options& o) : model_(model), scales_{1} {
    if (o.low > o.high) fail<UsageError>("adaptation entropy-scale: low {} above high {}", o.low, o.high);
    for (int64 i = 0; i < o.scales; ++i)
      scales_.push_back(o.low *
                        std::pow(o.high / o.low, static_cast<double>(i) / static_cast<double>(o.scales - 1)));
  }
  Tensor output(const Batch& batch) override {
    if (!batch.x.defined() || batch.x.rank() != 4)
      fail<UsageError>("adaptation entropy-scale: only images have a scale");
    // What lies outside an image looks like its darkest value.
    real outside = 0;
    for (int64 i = 0; i < batch.x.numel(); ++i) outside = std::min(outside, batch.x.data()[i]);
    Tensor best_logits;
    std::vector<double> least;
    for (const double scale : scales_) {
      Batch asked = batch;
      if (scale != 1) asked.x = resized(batch.x, scale, outside);
      const Tensor logits = model_(input_of(asked));
      const Tensor entropy = pixel_entropy(logits);  // (B)
      if (!best_logits.defined()) {
        best_logits = logits.clone();
        for (int64 i = 0; i < batch.size(); ++i) least.push_back(static_cast<double>(entropy.data()[i]));
        continue;
      }
      const int64 classes = logits.dim(1);
      for (int64 i = 0; i < batch.size(); ++i) {
        double& so_far = least[static_cast<size_t>(i)];
        if (static_cast<double>(entropy.data()[i]) >= so_far) continue;
        so_far = static_cast<double>(entropy.data()[i]);
        std::copy_n(logits.data() + i * classes, classes, best_logits.mutable_data() + i * classes);
      }
    }
    return best_logits;
  }

 private:
  Model& model_;
  std::vector<double> scales_;
};

template <class A>
AdaptationEntry adaptation_entry(const char* name, const char* summary, const char* paper) {
  const std::string where = fmt::format("adaptation {}", name);
  return {name, summary, paper, describe_options(typename A::Options{}),
          [where](Model& model, const OptionList& list) {
            typename A::Options options;
            set_options(options, list, where);
            return std::make_unique<A>(model, options);
          }};
}

}  // namespace

const std::vector<AdaptationEntry>& adaptations() {
  static const std::vector<AdaptationEntry> table = {
      adaptation_entry<BatchStatistics>("batch-statistics",
                                        "batch norm by the mean and variance of the test batch",
                                        "Nado et al., 2020, arXiv 2006.10963"),
      adaptation_entry<EntropySteps>("entropy", "steps that make the batch's predictions surer",
                                     "Wang, Shelhamer, Liu, Olshausen, Darrell, ICLR 2021, arXiv 2006.10726"),
      adaptation_entry<EntropyScale>("entropy-scale", "the scale of each image that is predicted surest",
                                     "after Wang, Shelhamer, Olshausen, Darrell, 2019, arXiv 1908.03182")};
  return table;
}

std::unique_ptr<Adaptation> make_adaptation(const std::string& spec, Model& model) {
  const Spec parsed = parse_spec(spec);
  std::vector<std::string> names;
  for (const AdaptationEntry& a : adaptations()) {
    if (a.name == parsed.name) {
      if (model.task() != Task::kClassification)
        fail<UsageError>("adaptation {}: model {} is no classifier", a.name, model.spec());
      return a.make(model, parsed.options);
    }
    names.push_back(a.name);
  }
  fail<UsageError>("{}", unknown_name("adaptation", parsed.name, names));
}

}  // namespace gradus
