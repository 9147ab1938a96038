#include "apps/testtime/attack.h"

#include "apps/train/task.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "nn/testtime/pgd.h"

namespace gradus {
namespace {

class FastGradientSign final : public Attack {
 public:
  struct Options {
    double eps = 0.1;
    void visit(auto&& f) { f("eps", eps, "change of every pixel", at_least(0)); }
  };
  explicit FastGradientSign(Options o) : o_(o) {}
  Tensor attacked(const Tensor& pixels, const IntTensor&,
                  const std::function<Tensor(const Tensor&)>& loss) const override {
    return pgd_attack(loss, pixels, Tensor::zeros(pixels.shape()),
                      {.eps = o_.eps, .step_size = o_.eps, .steps = 1})
        .x;
  }

 private:
  Options o_;
};

class ProjectedGradient final : public Attack {
 public:
  struct Options {
    double eps = 0.1, step_size = 0, momentum_decay = 0;
    int64 steps = 20, seed = 0;
    bool random_start = true;
    void visit(auto&& f) {
      f("eps", eps, "largest change of a pixel", at_least(0));
      f("steps", steps, "number of steps", at_least(1));
      f("step_size", step_size, "change of a pixel in a step; 0: 2.5 eps/steps", at_least(0));
      f("momentum_decay", momentum_decay, "of the gradients before", at_least(0));
      f("random_start", random_start, "begins at a point drawn in reach, not at the image");
      f("seed", seed, "of that point", at_least(0));
    }
  };
  explicit ProjectedGradient(Options o) : o_(o) {}
  Tensor attacked(const Tensor& pixels, const IntTensor& index,
                  const std::function<Tensor(const Tensor&)>& loss) const override {
    Tensor start = Tensor::zeros(pixels.shape());
    const int64 one = pixels.numel() / std::max<int64>(pixels.dim(0), 1);
    const Rng rng = Rng(static_cast<std::uint64_t>(o_.seed)).fork("attack");
    for (int64 i = 0; o_.random_start && i < pixels.dim(0); ++i) {
      Rng draw = rng.fork(static_cast<std::uint64_t>(index[i]));
      const Tensor row = draw.uniform_tensor({one}, -1, 1);
      std::copy_n(row.data(), one, start.mutable_data() + i * one);
    }
    const double step = o_.step_size > 0 ? o_.step_size : 2.5 * o_.eps / static_cast<double>(o_.steps);
    return pgd_attack(
               loss, pixels, start,
               {.eps = o_.eps, .step_size = step, .momentum_decay = o_.momentum_decay, .steps = o_.steps})
        .x;
  }

 private:
  Options o_;
};

template <class A>
AttackEntry attack_entry(const char* name, const char* summary, const char* paper) {
  const std::string where = fmt::format("attack {}", name);
  return {name, summary, paper, describe_options(typename A::Options{}), [where](const OptionList& list) {
            typename A::Options options;
            set_options(options, list, where);
            return std::make_unique<A>(options);
          }};
}

}  // namespace

const std::vector<AttackEntry>& attacks() {
  static const std::vector<AttackEntry> table = {
      attack_entry<FastGradientSign>("fgsm", "one step of eps along the gradient's signs",
                                     "Goodfellow, Shlens, Szegedy, ICLR 2015, arXiv 1412.6572"),
      attack_entry<ProjectedGradient>(
          "pgd", "steps along the gradient's signs, kept within eps of the image",
          "Madry, Makelov, Schmidt, Tsipras, Vladu, ICLR 2018, arXiv 1706.06083")};
  return table;
}

std::unique_ptr<Attack> make_attack(const std::string& spec) {
  const Spec parsed = parse_spec(spec);
  std::vector<std::string> names;
  for (const AttackEntry& a : attacks()) {
    if (a.name == parsed.name) return a.make(parsed.options);
    names.push_back(a.name);
  }
  fail<UsageError>("{}", unknown_name("attack", parsed.name, names));
}

Batch attacked_batch(const Attack& attack, Model& model, const Batch& batch, const DatasetInfo& info) {
  if (info.kind != DataKind::kImages || model.task() != Task::kClassification)
    fail<UsageError>("attacks are on classifiers of images; data set {} has {}", info.name,
                     kind_name(info.kind));
  const int64 C = info.example[0];
  Tensor mean({1, C, 1, 1}), deviation({1, C, 1, 1});
  for (int64 c = 0; c < C; ++c) {
    mean.mutable_data()[c] = static_cast<real>(info.mean[static_cast<size_t>(c)]);
    deviation.mutable_data()[c] = static_cast<real>(info.std[static_cast<size_t>(c)]);
  }
  Batch changed = batch;
  const auto seen = [&](const Tensor& pixels) {
    Batch asked = batch;
    asked.x = (pixels - mean) / deviation;
    return asked;
  };
  const Tensor pixels = [&] {
    const Recording off(false);
    return batch.x * deviation + mean;
  }();
  const Recording on(true);
  const Tensor moved = attack.attacked(
      pixels, batch.index, [&](const Tensor& p) { return cross_entropy(model(input_of(seen(p))), batch.y); });
  const Recording off(false);
  changed.x = seen(moved).x.detach();
  return changed;
}

}  // namespace gradus
