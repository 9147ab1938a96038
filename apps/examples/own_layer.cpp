// A layer of one's own: a gated linear unit with a learned temperature, checked against finite differences, trained by fit().
#include <cstdio>

#include "apps/train/fit.h"
#include "apps/train/task.h"
#include "autograd/grad_check.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "data/registry.h"
#include "nn/layers/linear.h"

using namespace gradus;

/// value(x) * sigmoid(temperature * gate(x)).  x (..., in) -> (..., out);  `temperature` (out).
class GatedUnit : public Module {
 public:
  GatedUnit(int64 in, int64 out)
      : value_(add<Linear>("value", in, out)),
        gate_(add<Linear>("gate", in, out)),
        temperature_(parameter("temperature", ParamKind::kNorm, {out}, init::ones())) {}

  Tensor forward(const Input& x) override { return value_(x) * sigmoid(temperature_.value() * gate_(x)); }
  std::string describe() const override { return "GatedUnit"; }

 private:
  Linear &value_, &gate_;
  ParamSlot temperature_;
};

/// A classifier of images with one such layer.
class GatedNet : public ImageModel {
 public:
  explicit GatedNet(const DataShape& data)
      : ImageModel(data, "gated"),
        unit_(add<GatedUnit>("unit", data.features(), 48)),
        head_(add<Linear>("head", 48, outputs())) {}
  Tensor forward(const Input& x) override { return head_(unit_(flatten(x.values(), 1))); }

 private:
  GatedUnit& unit_;
  Linear& head_;
};

int main() {
  // In float, differences are good to a few digits; the double library (gradus::gradus64) shows ten.
  GatedUnit unit(3, 2);
  unit.initialise(Rng(1));
  const Tensor x = Rng(2).normal_tensor({4, 3});
  const GradCheck check = grad_check([&] { return mean(square(unit(x))); }, unit.parameters());
  std::printf("largest relative error of a gradient: %.1e\n", check.worst());

  const Data data = open_data("digits:train=3000,test=600");
  GatedNet model(data_shape(data.info()));
  model.initialise(Rng(0));
  const FitResult result =
      fit(model, data, {.optim = "adam:lr=2e-3", .epochs = 3},
          {.on_row = [](const MetricsRow& row) { std::printf("test accuracy %.3f\n", row.test_accuracy); }});
  return check.worst() < 0.05 && result.ended && result.test_accuracy > 0.85 ? 0 : 1;
}
