// A `gradus` with parts of its own: a model, a rule, a loss and a data set under names that all its commands know.
#include "apps/cli/program.h"
#include "apps/train/losses.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "data/dataset_entry.h"
#include "nn/layers/linear.h"
#include "nn/model_entry.h"
#include "optim/add_optimizer.h"
#include "optim/rule.h"

using namespace gradus;

/// sin(x W1' + b1) W2' + b2
struct Waves : ImageModel {
  static constexpr Task kTask = Task::kClassification;
  struct Options {
    int64 hidden = 16;
    void visit(auto&& f) { f("hidden", hidden, "waves", at_least(1)); }
  };
  Waves(const Options& o, const DataShape& data)
      : ImageModel(data, "waves"),
        in(add<Linear>("in", data.features(), o.hidden)),
        out(add<Linear>("out", o.hidden, outputs())) {}
  Tensor forward(const Input& x) override { return out(sin(in(x.values().view({x.size(), in.in()})))); }
  Linear &in, &out;
};

/// w <- w - lr g / (|g| + eps)
struct Saturated {
  struct Options {
    double lr = 0.01, eps = 0.01;
    void visit(auto&& f) {
      f("lr", lr, "longest step", positive());
      f("eps", eps, "gradient at which half of it is made", positive());
    }
  };
  static void update(Param& p, State&, const Options& o, const StepInfo& k) {
    const real lr = real(o.lr * k.lr_scale), eps = real(o.eps);
    for_each_element(p.data, p.grad, [=](real& w, real g) { w -= lr * g / ((g < 0 ? -g : g) + eps); });
  }
};

/// Of two classes: the square of what the label's logit lacks to be `width` above the other's.
struct Margin {
  struct Options {
    double width = 1;
    void visit(auto&& f) { f("width", width, "lead of the right logit that is enough", positive()); }
  };
  static Tensor losses(const Options& o, const Tensor& output, const Batch& batch) {
    Tensor sign = Tensor::full(output.shape(), -1);
    for (int64 i = 0; i < batch.size(); ++i) sign.mutable_data()[2 * i + batch.y[i]] = 1;
    const Tensor lead = sum(output * sign, {1});
    return square(relu(real(o.width) - lead));
  }
};

/// Points in four corners; the class is whether the two signs are the same (exclusive or).
struct Corners : Dataset {
  Corners(int64 size, DatasetInfo about) : Dataset(std::move(about)), size_(size) {}
  int64 size() const override { return size_; }
  int64 label(int64 i) const override { return i % 4 == 0 || i % 4 == 3; }
  void read_reals(int64 i, real* out) const override {
    out[0] = (i % 2 ? real(1) : real(-1)) + real(0.01) * real(i % 7);
    out[1] = (i % 4 >= 2 ? real(1) : real(-1)) - real(0.01) * real(i % 5);
  }
  int64 size_;
};
struct CornersOptions {
  int64 train = 200;
  void visit(auto&& f) { f("train", train, "training examples", at_least(1)); }
};
Data open_corners(const CornersOptions& o, const DataPlaces&) {
  DatasetInfo about;
  about.name = "corners", about.kind = DataKind::kVectors, about.example = Shape{2}, about.classes = 2;
  return {std::make_shared<Corners>(o.train, about), std::make_shared<Corners>(40, about)};
}

int main(int argc, char** argv) {
  add_model(model_entry_of<Waves>("waves", "a layer of sines"));
  add_optimizer(rule_entry<Saturated>({"saturated", "steps of bounded length", "the consumer"}));
  add_loss(loss_entry<Margin>("margin", "squares of what a lead lacks"));
  add_dataset(dataset_entry<CornersOptions, open_corners>("corners", "exclusive or", DataKind::kVectors));
  return run_main(argc, argv);
}
