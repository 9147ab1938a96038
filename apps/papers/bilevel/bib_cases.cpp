#include "apps/papers/bilevel/bib_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/functional/functional.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "optim/bilevel/bidirectional.h"
#include "optim/bilevel/sequence_logits.h"

namespace gradus {
namespace {

CaseFunction init_logits_function() {
  return case_function<NoOptions>({"init-logits",
                                   "noise whose largest entries are moved to the letters of start sequences",
                                   {{"noise", "L,A"}, {"start_sequences", "N,L", CaseType::kInt}},
                                   {{"logits", "N,L,A"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    const IntTensor& starts = in.ints("start_sequences");
                                    Tensors logits;
                                    for (int64 i = 0; i < starts.dim(0); ++i)
                                      logits.push_back(start_logits(in.tensor("noise"), row_of(starts, i)));
                                    out.set("logits", stack(logits, 0));
                                  });
}

struct KmerCase {
  int64 kmer = 1;
  void visit(auto&& f) { f("kmer", kmer, "letters of a token", at_least(1)); }
};

CaseFunction straight_through_function() {
  return case_function<KmerCase>({"straight-through",
                                  "hard tokens of logits, and a gradient through the soft ones",
                                  {{"logits", "L,A"}, {"grad_output", "n,a"}},
                                  {{"tokens", "n,a"}, {"grad_logits", "L,A"}}},
                                 [](const KmerCase& o, const CaseValues& in, CaseValues& out) {
                                   const Vjp at = vjp(
                                       [&](std::span<const Tensor> x) { return hard_kmers(x[0], o.kmer); },
                                       Tensors{in.tensor("logits")}, in.tensor("grad_output"));
                                   out.set("tokens", at.value);
                                   out.set("grad_logits", at.grads[0]);
                                 });
}

struct KernelCase {
  double ridge = 1e-6, y_h = 10;
  void visit(auto&& f) {
    f("ridge", ridge, "relative to the mean of the kernel's diagonal", at_least(0));
    f("y_h", y_h, "score that is asked of the design");
  }
};

CaseFunction bidirectional_loss_function() {
  return case_function<KernelCase>(
      {"bidirectional-loss",
       "predictions of a design by data and of data by the design, in closed form",
       {{"Z_l", "N,D"}, {"y_l", "N"}, {"z_h", "D"}},
       {{"forward_prediction", ""},
        {"forward_loss", ""},
        {"grad_forward", "D"},
        {"backward_predictions", "N"},
        {"backward_loss", ""},
        {"grad_backward", "D"}}},
      [](const KernelCase& o, const CaseValues& in, CaseValues& out) {
        const BidirectionalKernel kernel(in.tensor("Z_l"), in.tensor("y_l"), o.ridge, o.y_h);
        const Tensors z{in.tensor("z_h")};
        const ValueAndGrad forward =
            value_and_grad([&](std::span<const Tensor> x) { return kernel.forward_loss(x[0]); }, z);
        const ValueAndGrad backward =
            value_and_grad([&](std::span<const Tensor> x) { return kernel.backward_loss(x[0]); }, z);
        out.set("forward_prediction", kernel.forward_prediction(z[0]));
        out.set("forward_loss", forward.value);
        out.set("grad_forward", forward.grads[0]);
        out.set("backward_predictions", kernel.backward_predictions(z[0]));
        out.set("backward_loss", backward.value);
        out.set("grad_backward", backward.grads[0]);
      });
}

Tensor numbers_of(const std::vector<double>& values) {
  const std::vector<real> cast(values.begin(), values.end());
  return Tensor::from({std::ssize(cast)}, cast);
}

CaseFunction adaptive_step_function() {
  return case_function<BidirectionalOptions>(
      {"adaptive-step",
       "steps on logits whose weight of the losses and step size follow an auxiliary model",
       {{"logits", "..."}, {"grad_aux", "T,..."}, {"grad_forward", "T,..."}, {"grad_backward", "T,..."}},
       {{"gamma", "T"}, {"step_size", "T"}, {"logits", "..."}}},
      [](const BidirectionalOptions& o, const CaseValues& in, CaseValues& out) {
        Tensor logits = in.tensor("logits").clone();
        BidirectionalStep adapt(o);
        std::vector<double> gamma, step;
        for (int64 t = 0; t < in.tensor("grad_aux").dim(0); ++t) {
          const auto row = [&](const char* name) { return row_of(in.tensor(name), t); };
          const BidirectionalStep::Taken at =
              adapt.step(logits, row("grad_aux"), row("grad_forward"), row("grad_backward"));
          gamma.push_back(at.gamma), step.push_back(at.step_size);
        }
        out.set("gamma", numbers_of(gamma));
        out.set("step_size", numbers_of(step));
        out.set("logits", logits);
      });
}

struct SearchCase : BidirectionalOptions {
  int64 num_steps = 1;
  double y_h = 10, ridge = 1e-6;
  void visit(auto&& f) {
    f("num_steps", num_steps, "of the search", at_least(0));
    BidirectionalOptions::visit(f);
    f("y_h", y_h, "score that is asked of the design");
    f("ridge", ridge, "relative to the mean of the kernel's diagonal", at_least(0));
  }
};

CaseFunction bib_search_function() {
  return case_function<SearchCase>(
      {"bib-search",
       "a design by bidirectional learning on features mean_l tanh(x_l embedding + position_l)",
       {{"sequences", "N,L", CaseType::kInt},
        {"scores", "N"},
        {"embedding", "A,D"},
        {"position", "L,D"},
        {"aux_weight", "J,D"},
        {"aux_bias", "J"},
        {"noise", "L,A"},
        {"start_sequence", "L", CaseType::kInt}},
       {{"design", "L", CaseType::kInt},
        {"logits", "L,A"},
        {"gamma", "num_steps"},
        {"step_size", "num_steps"},
        {"forward_loss", "num_steps"},
        {"backward_loss", "num_steps"}}},
      [](const SearchCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &embedding = in.tensor("embedding"), &position = in.tensor("position");
        const auto features = [&](const Tensor& x) {
          return mean(tanh(matmul(x, embedding) + position), {0});
        };
        const IntTensor& sequences = in.ints("sequences");
        Tensors rows;
        for (int64 i = 0; i < sequences.dim(0); ++i)
          rows.push_back(features(one_hot_letters(row_of(sequences, i), embedding.dim(0))));
        const StandardScores scores(in.tensor("scores"));
        const BidirectionalKernel kernel(stack(rows, 0), scores.labels, o.ridge, o.y_h);
        const DesignProblem problem{
            .features = features,
            .auxiliary =
                [&](const Tensor& z) {
                  return mean(flatten(matmul(in.tensor("aux_weight"), reshape(z, {-1, 1})), 0) +
                              in.tensor("aux_bias")) *
                             static_cast<real>(scores.std) +
                         static_cast<real>(scores.mean);
                },
            .kernel = &kernel};
        const DesignSearch at = search_design(
            problem, start_logits(in.tensor("noise"), in.ints("start_sequence")), o.num_steps, o);
        out.set("design", at.design);
        out.set("logits", at.logits);
        out.set("gamma", numbers_of(at.gamma));
        out.set("step_size", numbers_of(at.step_size));
        out.set("forward_loss", numbers_of(at.forward_loss));
        out.set("backward_loss", numbers_of(at.backward_loss));
      });
}

}  // namespace

std::vector<CaseFunction> bib_functions() {
  return {init_logits_function(), straight_through_function(), bidirectional_loss_function(),
          adaptive_step_function(), bib_search_function()};
}

}  // namespace gradus
