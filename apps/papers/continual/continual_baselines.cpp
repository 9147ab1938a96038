#include "apps/papers/continual/continual_baselines.h"

#include "apps/continual/accuracy_matrix.h"
#include "apps/continual/exemplars.h"
#include "apps/continual/plain_learner.h"
#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "nn/continual/elastic_weights.h"
#include "nn/continual/lwf_loss.h"
#include "optim/methods/reference_projection.h"

namespace gradus {
namespace continual_baseline_cases {

std::vector<double> doubles(const Tensor& t) { return {t.data(), t.data() + t.numel()}; }

struct Final {
  bool include_final = false;
  void visit(auto&& f) {
    f("include_final", include_final,
      "forgetting: the best may be the last row's, so that it is never below 0");
  }
};

CaseFunction metrics() {
  return case_function<Final>(
      {"continual-metrics",
       "what the field reads off a matrix of accuracies: row i behind task i, column j on task j",
       {{"accuracy", "T,T"}, {"baseline", "T", CaseType::kReal, "of the untrained model"}},
       {{"average_accuracy", "T"},
        {"average_incremental_accuracy", ""},
        {"forgetting", ""},
        {"backward_transfer", ""},
        {"forward_transfer", ""},
        {"learning_accuracy", ""},
        {"new_task_accuracy", ""}}},
      [](const Final& o, const CaseValues& in, CaseValues& out) {
        const Tensor& a = in.tensor("accuracy");
        const int64 tasks = a.dim(0);
        AccuracyMatrix matrix;
        for (int64 i = 0; i < tasks; ++i) matrix.add_row(doubles(a.rows(i, i + 1)));
        std::vector<double> average;
        for (int64 i = 0; i < tasks; ++i) average.push_back(matrix.average_accuracy(i));
        out.set("average_accuracy", tensor_of(average));
        out.set("average_incremental_accuracy", matrix.incremental_accuracy());
        out.set("forgetting", matrix.forgetting(o.include_final));
        out.set("backward_transfer", matrix.backward_transfer());
        out.set("forward_transfer", matrix.forward_transfer(doubles(in.tensor("baseline"))));
        out.set("learning_accuracy", matrix.learning_accuracy());
        out.set("new_task_accuracy", matrix.new_task_accuracy());
      });
}

struct FisherMode {
  std::string mode = "empirical";
  void visit(auto&& f) {
    f("mode", mode, "gradients at the labels, or at every class by its probability",
      choices({"empirical", "expected"}));
  }
};

CaseFunction fisher() {
  return case_function<FisherMode>(
      {"ewc-fisher",
       "the diagonal Fisher information of softmax regression",
       {{"weight", "K,d"}, {"bias", "K"}, {"x", "N,d"}, {"labels", "N", CaseType::kInt}},
       {{"fisher_weight", "K,d"}, {"fisher_bias", "K"}}},
      [](const FisherMode& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> p{variable(in.tensor("weight")), variable(in.tensor("bias"))};
        const std::vector<Tensor> f = diagonal_fisher(
            [&](int64 begin, int64 end) { return linear(in.tensor("x").rows(begin, end), p[0], p[1]); }, p,
            in.ints("labels"), o.mode);
        out.set("fisher_weight", f[0]);
        out.set("fisher_bias", f[1]);
      });
}

struct Stiffness {
  double ewc_lambda = 1;
  void visit(auto&& f) { f("ewc_lambda", ewc_lambda, "stiffness of the springs", at_least(0)); }
};

CaseFunction penalty() {
  return case_function<Stiffness>(
      {"ewc-penalty",
       "springs to the parameters behind each of K tasks, and their gradient",
       {{"params", "P"}, {"anchors", "K,P"}, {"fishers", "K,P"}},
       {{"penalty", ""}, {"grad", "P"}}},
      [](const Stiffness& o, const CaseValues& in, CaseValues& out) {
        const std::vector<Tensor> p{variable(in.tensor("params"))};
        const Tensor &anchors = in.tensor("anchors"), &fishers = in.tensor("fishers");
        ElasticWeights springs({.ewc_lambda = o.ewc_lambda});
        for (int64 k = 0; k < anchors.dim(0); ++k)
          springs.remember(std::vector<Tensor>{anchors.rows(k, k + 1).view(p[0].shape())},
                           std::vector<Tensor>{fishers.rows(k, k + 1).view(p[0].shape())});
        const Tensor value = springs.penalty(p);
        out.set("penalty", stop_gradient(value));
        out.set("grad", springs.memories() > 0 ? grad(value, p)[0] : Tensor::zeros(p[0].shape()));
      });
}

struct EwcTrain {
  double lr = 0.1;
  int64 steps = 5;
  ElasticOptions elastic{};
  void visit(auto&& f) {
    f("lr", lr, "step size", positive());
    f("steps", steps, "on each task", at_least(0));
    elastic.visit(f);
  }
};

CaseFunction ewc_train() {
  return case_function<EwcTrain>(
      {"ewc-train",
       "softmax regression on tasks in turn, full batches, springs to what earlier ones need",
       {{"weight", "K,d"}, {"bias", "K"}, {"x", "T,N,d"}, {"labels", "T,N", CaseType::kInt}},
       {{"weight", "K,d"}, {"bias", "K"}, {"losses", "T*steps"}}},
      [](const EwcTrain& o, const CaseValues& in, CaseValues& out) {
        const Tensor& x = in.tensor("x");
        const int64 tasks = x.dim(0), rows = x.dim(1);
        PlainOptions plain;
        plain.method = "ewc";
        plain.lr = o.lr;
        plain.momentum = plain.weight_decay = 0;
        plain.schedule = "constant";
        plain.fisher_rows = 0;
        plain.elastic = o.elastic;
        PlainLearner learner(plain, [](std::span<const Tensor>, const Tensor& at) { return at; },
                             {{}, {in.tensor("weight"), in.tensor("bias")}});
        std::vector<double> losses;
        for (int64 t = 0; t < tasks; ++t) {
          ContinualTask task;
          task.index = t;
          task.rows = {x.rows(t, t + 1).view({rows, x.dim(2)}),
                       in.ints("labels").rows(t, t + 1).view({rows})};
          task.classes = in.tensor("weight").dim(0);
          learner.begin(task, o.steps, Rng());
          for (int64 s = 0; s < o.steps; ++s) losses.push_back(learner.step(task, task.rows, s));
          learner.end(task, Rng());
        }
        out.set("weight", learner.network().fc.weight);
        out.set("bias", learner.network().fc.bias);
        out.set("losses", tensor_of(losses));
      });
}

CaseFunction lwf() {
  return case_function<LwfOptions>(
      {"lwf-loss",
       "cross-entropy, and the old network's logits as targets of the old classes",
       {{"logits", "N,K"}, {"old_logits", "N,K0"}, {"labels", "N", CaseType::kInt}},
       {{"loss", ""}, {"cross_entropy", ""}, {"distillation", ""}, {"grad_logits", "N,K"}}},
      [](const LwfOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor z = variable(in.tensor("logits"));
        const LwfLoss loss = lwf_loss(z, in.tensor("old_logits"), in.ints("labels"), o);
        out.set("loss", stop_gradient(loss.total));
        out.set("cross_entropy", stop_gradient(loss.cross_entropy));
        out.set("distillation", stop_gradient(loss.distillation));
        out.set("grad_logits", grad(loss.total, {z})[0]);
      });
}

CaseFunction herding() {
  return case_function<HerdingOptions>(
      {"herding-select",
       "rows of a class whose mean stays next to the class mean, one after the other",
       {{"features", "N,d"}},
       {{"indices", "chosen", CaseType::kInt}, {"class_mean", "d"}, {"exemplar_mean", "d"}}},
      [](const HerdingOptions& o, const CaseValues& in, CaseValues& out) {
        const HerdedRows h = herded(in.tensor("features"), o);
        out.set("indices", IntTensor::from({std::ssize(h.rows)}, h.rows));
        out.set("class_mean", h.mean);
        out.set("exemplar_mean", h.exemplar_mean);
      });
}

struct Reservoir {
  int64 capacity = 4, seen = 0;
  void visit(auto&& f) {
    f("capacity", capacity, "places of the buffer", at_least(0));
    f("seen", seen, "items that came before", at_least(0));
  }
};

CaseFunction reservoir() {
  return case_function<Reservoir>(
      {"reservoir-update",
       "items into a buffer that holds each item of the stream with the same probability",
       {{"buffer", "b", CaseType::kInt}, {"items", "N", CaseType::kInt}, {"uniform", "N"}},
       {{"buffer", "held", CaseType::kInt}, {"seen", "", CaseType::kInt}}},
      [](const Reservoir& o, const CaseValues& in, CaseValues& out) {
        std::vector<int64> buffer = in.ints("buffer").values();
        int64 seen = o.seen;
        reservoir_update(buffer, o.capacity, seen, in.ints("items").values(), doubles(in.tensor("uniform")));
        out.set("buffer", IntTensor::from({std::ssize(buffer)}, buffer));
        out.set("seen", IntTensor::from(Shape{}, {seen}));
      });
}

CaseFunction agem() {
  return case_function<NoOptions>(
      {"agem-project",
       "a gradient without the part that points against that of remembered examples",
       {{"grad", "P"}, {"grad_ref", "P"}},
       {{"dot", ""}, {"grad", "P"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        const ReferenceProjection p = reference_projection(in.tensor("grad"), in.tensor("grad_ref"));
        out.set("dot", p.dot);
        out.set("grad", p.gradient);
      });
}

}  // namespace continual_baseline_cases

std::vector<CaseFunction> continual_baseline_functions() {
  using namespace continual_baseline_cases;
  return {metrics(), fisher(), penalty(), ewc_train(), lwf(), herding(), reservoir(), agem()};
}

}  // namespace gradus
