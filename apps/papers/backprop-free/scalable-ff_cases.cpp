#include "apps/papers/backprop-free/scalable-ff_cases.h"

#include "apps/backprop_free/forward_forward_training.h"
#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

struct GoodnessCase {
  int64 units_per_class = 8;
  void visit(auto&& f) {
    f("units_per_class", units_per_class, "of rows: units that a class has", at_least(1));
  }
};

CaseFunction goodness_function() {
  return case_function<GoodnessCase>(
      {"goodness",
       "mean of squares over the positions of a channel, or of rows over the units of a class",
       {{"aux_output", "N,...", CaseType::kReal, "(N,C,H,W), or rows (N, C*units_per_class)"}},
       {{"goodness", "N,C"}}},
      [](const GoodnessCase& o, const CaseValues& in, CaseValues& out) {
        out.set("goodness", goodness(in.tensor("aux_output"), o.units_per_class));
      });
}

CaseFunction goodness_loss_function() {
  return case_function<GoodnessOptions>(
      {"goodness-loss",
       "a block's loss and its gradient in the goodness",
       {{"goodness", "N,C"}, {"labels", "N", CaseType::kInt}},
       {{"loss", ""}, {"grad_goodness", "N,C"}}},
      [](const GoodnessOptions& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> at{in.tensor("goodness")};
        const ValueAndGrad found = value_and_grad(
            [&](std::span<const Tensor> g) { return goodness_loss(g[0], in.ints("labels"), o); }, at);
        out.set("loss", stop_gradient(found.value));
        out.set("grad_goodness", found.grads[0]);
      });
}

CaseFunction vote_function() {
  return case_function<VoteOptions>({"vote",
                                     "scores from the goodness of all blocks, and the classes they say",
                                     {{"goodness", "B,N,C"}},
                                     {{"scores", "N,C"}, {"predictions", "N", CaseType::kInt}}},
                                    [](const VoteOptions& o, const CaseValues& in, CaseValues& out) {
                                      const Tensor scores = goodness_scores(in.tensor("goodness"), o);
                                      out.set("scores", scores);
                                      out.set("predictions", argmax(scores, 1));
                                    });
}

struct SffTrainCase {
  GoodnessOptions goodness;
  VoteOptions vote;
  double lr = 1e-3;
  int64 units_per_class = 8;
  void visit(auto&& f) {
    goodness.visit(f);
    f("lr", lr, "step size of Adam", positive());
    vote.visit(f);
    f("units_per_class", units_per_class, "of blocks of rows: auxiliary units that a class has", at_least(1));
  }
};

CaseFunction sff_train_function() {
  const std::vector<CaseSlot> parameters{
      {"block#_weight", "o#,...b#"}, {"block#_bias", "o#"}, {"aux#_weight", "a#,...x#"}, {"aux#_bias", "a#"}};
  std::vector<CaseSlot> inputs = parameters,
                        outputs{{"loss", "S,B"}, {"test_goodness", "B,M,C"}, {"scores", "M,C"}};
  inputs.insert(inputs.end(), {{"X", "S,N,..."}, {"y", "S,N", CaseType::kInt}, {"X_test", "M,..."}});
  outputs.insert(outputs.end(), parameters.begin(), parameters.end());
  return case_function<SffTrainCase>(
      {"sff-train",
       "blocks relu(conv or linear) trained by their goodness, an Adam each; losses before each step, then "
       "the goodness "
       "of test inputs",
       inputs, outputs},
      [](const SffTrainCase& o, const CaseValues& in, CaseValues& out) {
        ForwardForwardNet net(o.vote);
        const size_t count = in.tensors("block#_weight").size();
        for (size_t k = 1; k <= count; ++k) {
          const auto shape = [&](const char* name) {
            return in.tensor(numbered_name(name, static_cast<int64>(k))).shape();
          };
          net.add_block(make_local_layer(shape("block#_weight"), true),
                        make_local_layer(shape("aux#_weight"), false), o.units_per_class);
        }
        // "block1_weight" is the net's "block1.layer.weight", "aux1_bias" its "block1.aux.bias".
        const auto each = [&](auto&& f) {
          for (size_t k = 1; k <= count; ++k)
            for (const char* tensor : {"weight", "bias"})
              for (const auto& [ours, theirs] : {std::pair{"layer", "block"}, std::pair{"aux", "aux"}})
                f(fmt::format("{}{}_{}", theirs, k, tensor),
                  net.find_slot(fmt::format("block{}.{}.{}", k, ours, tensor)).parameter()->value);
        };
        each([&](const std::string& name, Tensor& value) { value.copy_from(in.tensor(name)); });
        ForwardForwardTraining training(net, o.goodness, fmt::format("adam:lr={}", o.lr));
        const Tensor& x = in.tensor("X");
        const int64 steps = x.dim(0), blocks = static_cast<int64>(count);
        Tensor loss({steps, blocks});
        for (int64 s = 0; s < steps; ++s) {
          const std::vector<double> losses = training.train_batch(row_of(x, s), row_of(in.ints("y"), s));
          for (int64 k = 0; k < blocks; ++k)
            loss.mutable_data()[s * blocks + k] = static_cast<real>(losses[static_cast<size_t>(k)]);
        }
        const Recording off(false);
        const Tensor goodness = net.goodness_of(in.tensor("X_test"));
        out.set("loss", loss);
        out.set("test_goodness", goodness);
        out.set("scores", net.scores_of(goodness));
        each([&](const std::string& name, Tensor& value) { out.set(name, stop_gradient(value)); });
      });
}

}  // namespace

std::vector<CaseFunction> scalable_ff_functions() {
  return {goodness_function(), goodness_loss_function(), vote_function(), sff_train_function()};
}

}  // namespace gradus
