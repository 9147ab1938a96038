#include "apps/train/losses.h"

#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"

namespace gradus {
namespace {

// Squares within delta of the target, straight lines beyond. Huber, "Robust Estimation of a Location Parameter", Annals of
// Mathematical Statistics 1964:
//   h(r) = r^2/2 where |r| <= delta, else delta*(|r| - delta/2);   with c = min(|r|, delta): h = c*(|r| - c/2)
// The loss of an example is the mean of h over its targets.
struct HuberLoss {
  struct Options {
    double delta = 1;
    void visit(auto&& f) { f("delta", delta, "residual from which the loss grows linearly", positive()); }
  };
  static Tensor losses(const Options& o, const Tensor& output, const Batch& batch) {
    if (!batch.targets.defined() || batch.targets.shape() != output.shape())
      fail<UsageError>("--loss huber: needs real targets of the shape of the outputs, {}; there are {}",
                       output.shape().str(),
                       batch.targets.defined() ? "targets of shape " + batch.targets.shape().str() : "none");
    const Tensor r = abs(output - batch.targets);
    const Tensor c = clamp(r, 0, static_cast<real>(o.delta));
    const Tensor each = c * (r - c * real(0.5));
    return mean(reshape(each, Shape{output.dim(0), each.numel() / output.dim(0)}), {1});
  }
};

// Grows by add_loss.
std::vector<LossEntry>& loss_table() {
  static std::vector<LossEntry> table = {
      {"task",
       "what the model's task asks for: cross-entropy, squared error",
       {},
       [](const OptionList& list) -> ExampleLosses {
         if (!list.empty()) fail<UsageError>("loss task: has no options, '{}' among them", list[0].first);
         return nullptr;
       }},
      loss_entry<HuberLoss>("huber", "of real targets: squared error near them, linear far away")};
  return table;
}

}  // namespace

const std::vector<LossEntry>& losses() { return loss_table(); }

void add_loss(LossEntry entry) {
  for (const LossEntry& e : losses())
    if (e.name == entry.name) fail<UsageError>("loss '{}' is there already", e.name);
  loss_table().push_back(std::move(entry));
}

ExampleLosses make_loss(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("loss {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const LossEntry& e : losses()) {
    if (e.name == spec.name) return e.make(spec.options);
    names.push_back(e.name);
  }
  if (spec.name == "dpo")
    fail<UsageError>("loss dpo is for pairs of responses: --data pairs:path=FILE.jsonl");
  throw UsageError(unknown_name("loss", spec.name, names));
}

}  // namespace gradus
