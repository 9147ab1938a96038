#include "apps/papers/bilevel/metagradient-descent_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/dense_network.h"
#include "optim/bilevel/metagradient_descent.h"

namespace gradus {
namespace {

struct ScheduleCase {
  int64 num_steps = 1, branching = 2;
  void visit(auto&& f) {
    f("num_steps", num_steps, "T, of the run", at_least(1));
    f("branching", branching, "k, parts of a node", at_least(2));
  }
};

CaseFunction replay_schedule_function() {
  return case_function<ScheduleCase>(
      {"replay-schedule",
       "what going backwards through a run costs with a k-ary lazy tree of stored states",
       {},
       {{"forward_steps", "", CaseType::kInt},
        {"peak_states", "", CaseType::kInt},
        {"segments", "n_leaves,2", CaseType::kInt}}},
      [](const ScheduleCase& o, const CaseValues&, CaseValues& out) {
        const ReplayCost cost = replay(o.num_steps, o.branching, {},
                                       {.advance = [](const ReplayState&, int64) { return ReplayState(); },
                                        .at_end = [](const ReplayState&) {},
                                        .backward = [](const ReplayState&, int64) {}});
        IntTensor segments({std::ssize(cost.segments), 2});
        for (size_t i = 0; i < cost.segments.size(); ++i)
          for (size_t j = 0; j < 2; ++j) segments.mutable_data()[2 * i + j] = cost.segments[i][j];
        out.set("forward_steps", IntTensor::full({}, cost.forward_steps));
        out.set("peak_states", IntTensor::full({}, cost.peak_states));
        out.set("segments", segments);
      });
}

CaseFunction metagradient_function() {
  return case_function<DifferentiableRule>(
      {"metagradient",
       "gradient of the final loss of a tanh network in example weights, step sizes and first parameters",
       {{"W1", "h,d"},
        {"b1", "h"},
        {"W2", "C,h"},
        {"b2", "C"},
        {"X", "n,d"},
        {"y", "n", CaseType::kInt},
        {"batch_indices", "T,B", CaseType::kInt},
        {"sample_weights", "n"},
        {"lrs", "T"},
        {"X_target", "k,d"},
        {"y_target", "k", CaseType::kInt}},
       {{"target_loss", ""},
        {"grad_sample_weights", "n"},
        {"grad_lrs", "T"},
        {"grad_W1", "h,d"},
        {"grad_b1", "h"},
        {"W2_final", "C,h"}}},
      [](const DifferentiableRule& o, const CaseValues& in, CaseValues& out) {
        const Activation act = case_activation("tanh");
        const IntTensor& rows = in.ints("batch_indices");
        const auto loss = [&](std::span<const Tensor> w, std::span<const Tensor> z, int64 t) {
          const IntTensor at = row_of(rows, t);
          IntTensor labels(at.shape());
          for (int64 i = 0; i < at.numel(); ++i) {
            if (at[i] < 0 || at[i] >= in.ints("y").numel())
              fail<DataError>("inputs.batch_indices: {} is no row of X", at[i]);
            labels.mutable_data()[i] = in.ints("y")[at[i]];
          }
          const Tensor logits = dense_network(w, act, index_select(in.tensor("X"), 0, at));
          return mean(index_select(z[0], 0, at) * cross_entropy(logits, labels, Reduction::kNone));
        };
        const auto lr = [](std::span<const Tensor> z, int64 t) {
          return reshape(slice(z[1], 0, t, t + 1), std::vector<int64>{});
        };
        const Tensors start = dense_inputs(in);
        const MetaTraining training =
            meta_training(o, start.size(), loss, lr,
                          dense_loss(act, in.tensor("X_target"), in.ints("y_target")), rows.dim(0));
        const Metagradient at =
            metagradient(training, o.start(start), Tensors{in.tensor("sample_weights"), in.tensor("lrs")}, 4);
        out.set("target_loss", at.target);
        out.set("grad_sample_weights", at.grads[0]);
        out.set("grad_lrs", at.grads[1]);
        out.set("grad_W1", at.start_grads[0]);
        out.set("grad_b1", at.start_grads[1]);
        out.set("W2_final", at.end[2]);
      });
}

CaseFunction metasmoothness_function() {
  return case_function<NoOptions>(
      {"metasmoothness",
       "how smoothly trained parameters follow a setting, from three trainings",
       {{"theta_0", "..."}, {"theta_h", "..."}, {"theta_2h", "..."}},
       {{"metasmoothness", ""}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        out.set("metasmoothness",
                metasmoothness(in.tensor("theta_0"), in.tensor("theta_h"), in.tensor("theta_2h")));
      });
}

struct LrStepCase {
  std::string update = "sign";
  double step_size = 0.01;
  void visit(auto&& f) {
    f("update", update, "direction of the step", choices({"sign", "normalized"}));
    f("step_size", step_size, "of the step", at_least(0));
  }
};

CaseFunction lr_step_function() {
  return case_function<LrStepCase>(
      {"mgd-lr-step",
       "a metagradient step on the keypoints of a schedule of step sizes",
       {{"keypoints", "K"}, {"grad_lrs", "T"}},
       {{"lrs", "T"}, {"grad_keypoints", "K"}, {"new_keypoints", "K"}}},
      [](const LrStepCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& keypoints = in.tensor("keypoints");
        const Vjp at = vjp(
            [&](std::span<const Tensor> z) {
              return interpolate_keypoints(z[0], in.tensor("grad_lrs").numel());
            },
            Tensors{keypoints}, in.tensor("grad_lrs"));
        out.set("lrs", at.value);
        out.set("grad_keypoints", at.grads[0]);
        out.set("new_keypoints",
                metagradient_step(keypoints, at.grads[0], o.step_size, o.update == "normalized"));
      });
}

struct SelectionCase {
  int64 num_steps = 1, surrogate_step = 0;
  double lr = 0.1, momentum = 0;
  void visit(auto&& f) {
    f("num_steps", num_steps, "full-batch steps a round", at_least(1));
    f("surrogate_step", surrogate_step, "step, from 0, that sees the added losses", at_least(0));
    f("lr", lr, "step size", positive());
    f("momentum", momentum, "of the steps", decay_rate());
  }
};

CaseFunction data_selection_function() {
  return case_function<SelectionCase>(
      {"mgd-data-selection",
       "counts of examples of softmax regression moved by signs of metagradients",
       {{"W", "C,d"},
        {"b", "C"},
        {"X", "n,d"},
        {"y", "n", CaseType::kInt},
        {"counts", "n"},
        {"X_target", "k,d"},
        {"y_target", "k", CaseType::kInt},
        {"masks", "R,n", CaseType::kReal, "1: the count may move in this round"}},
       {{"counts", "R,n"}, {"target_loss", "R"}, {"metagradient", "R,n"}}},
      [](const SelectionCase& o, const CaseValues& in, CaseValues& out) {
        const IntTensor all = IntTensor::arange(in.tensor("X").dim(0));
        const CountedTraining training{
            .rule = {.optimizer = "sgd", .momentum = o.momentum},
            .lr = o.lr,
            .steps = o.num_steps,
            .surrogate_step = o.surrogate_step,
            .examples = all.numel(),
            .losses =
                [&](std::span<const Tensor> w, const IntTensor&) {
                  return cross_entropy(linear(in.tensor("X"), w[0], w[1]), in.ints("y"), Reduction::kNone);
                },
            .batch = [&](int64) { return all; },
            .target =
                [&](std::span<const Tensor> w) {
                  return cross_entropy(linear(in.tensor("X_target"), w[0], w[1]), in.ints("y_target"));
                }};
        const int64 rounds = in.tensor("masks").dim(0);
        Tensor counts = in.tensor("counts"), loss({rounds});
        Tensors all_counts, all_grads;
        for (int64 r = 0; r < rounds; ++r) {
          const CountGradient at = count_gradient(training, Tensors{in.tensor("W"), in.tensor("b")}, counts);
          counts = next_counts(counts, at.grads, row_of(in.tensor("masks"), r));
          loss.mutable_data()[r] = static_cast<real>(at.target);
          all_counts.push_back(counts);
          all_grads.push_back(at.grads);
        }
        out.set("counts", stack(all_counts, 0));
        out.set("target_loss", loss);
        out.set("metagradient", stack(all_grads, 0));
      });
}

}  // namespace

std::vector<CaseFunction> metagradient_descent_functions() {
  return {replay_schedule_function(), metagradient_function(), metasmoothness_function(), lr_step_function(),
          data_selection_function()};
}

}  // namespace gradus
