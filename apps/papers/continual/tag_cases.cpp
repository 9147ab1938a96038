#include "apps/papers/continual/tag_cases.h"

#include <algorithm>

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/matmul.h"
#include "core/error.h"
#include "nn/continual/task_mask.h"
#include "optim/methods/task_gradients.h"

namespace gradus {
namespace tag_cases {

struct Sharpness {
  double b = 5;
  void visit(auto&& f) { f("b", b, "sharpness of the weights", at_least(0)); }
};

CaseFunction alpha() {
  return case_function<Sharpness>({"tag-alpha",
                                   "weights of tasks by the cosines of a moment with theirs",
                                   {{"moment", "P"}, {"past_moments", "t,P"}},
                                   {{"correlation", "t"}, {"alpha", "t+1"}}},
                                  [](const Sharpness& o, const CaseValues& in, CaseValues& out) {
                                    const Tensor& past = in.tensor("past_moments");
                                    std::vector<Tensor> units;
                                    for (int64 t = 0; t < past.dim(0); ++t)
                                      units.push_back(unit_of(past.rows(t, t + 1).view({past.dim(1)})));
                                    const TaskWeights w = task_weights(in.tensor("moment"), units, o.b);
                                    out.set("correlation", tensor_of(w.correlation));
                                    out.set("alpha", tensor_of(w.alpha));
                                  });
}

// The tasks that steps belong to, non-decreasing.
int64 task_count(const IntTensor& ids) {
  int64 last = 0;
  for (const int64 id : ids.span()) {
    if (id < last) fail<DataError>("task_ids: {} behind {}, expected not to fall from 0 on", id, last);
    last = id;
  }
  return last + 1;
}

void set_alpha(Tensor& row, int64 at, const std::vector<double>& alpha) {
  for (size_t tau = 0; tau < alpha.size(); ++tau)
    row.mutable_data()[at + static_cast<int64>(tau)] = static_cast<real>(alpha[tau]);
}

CaseFunction update() {
  return case_function<TagOptions>(
      {"tag-update",
       "steps of two tensors over tasks, with their moments at the end",
       {{"task_ids", "k", CaseType::kInt},
        {"weight", "m,n"},
        {"bias", "m"},
        {"grad_weight", "k,m,n"},
        {"grad_bias", "k,m"}},
       {{"weight", "k,m,n"},
        {"bias", "k,m"},
        {"alpha_weight", "k,T"},
        {"alpha_bias", "k,T"},
        {"second_moment_weight", "T,m,n"},
        {"unit_moment_weight", "T,m,n"}}},
      [](const TagOptions& o, const CaseValues& in, CaseValues& out) {
        const IntTensor& ids = in.ints("task_ids");
        const int64 steps = ids.numel(), tasks = task_count(ids);
        const Tensor &weight = in.tensor("weight"), &bias = in.tensor("bias");
        TaskGradients tag(std::vector<Tensor>{weight, bias}, o);
        Tensor weights(in.tensor("grad_weight").shape()), biases(in.tensor("grad_bias").shape());
        Tensor alphas[2] = {Tensor::zeros({steps, tasks}), Tensor::zeros({steps, tasks})};
        for (int64 s = 0; s < steps; ++s) {
          while (tag.tasks() <= ids[s]) tag.begin_task();
          tag.step(std::vector<Tensor>{in.tensor("grad_weight").rows(s, s + 1).view(weight.shape()),
                                       in.tensor("grad_bias").rows(s, s + 1).view(bias.shape())});
          std::copy_n(tag.params()[0].data(), weight.numel(), weights.mutable_data() + s * weight.numel());
          std::copy_n(tag.params()[1].data(), bias.numel(), biases.mutable_data() + s * bias.numel());
          for (size_t i = 0; i < 2; ++i) set_alpha(alphas[i], s * tasks, tag.moments(i).alpha());
        }
        Tensor v(Shape{tasks, weight.dim(0), weight.dim(1)}), unit(v.shape());
        for (int64 t = 0; t < tasks; ++t) {
          std::copy_n(tag.moments(0).second_moment(t).data(), weight.numel(),
                      v.mutable_data() + t * weight.numel());
          std::copy_n(tag.moments(0).unit_moment(t).data(), weight.numel(),
                      unit.mutable_data() + t * weight.numel());
        }
        out.set("weight", weights);
        out.set("bias", biases);
        out.set("alpha_weight", alphas[0]);
        out.set("alpha_bias", alphas[1]);
        out.set("second_moment_weight", v);
        out.set("unit_moment_weight", unit);
      });
}

struct Columns {
  int64 first_class = 0, class_count = 2;
  void visit(auto&& f) {
    f("first_class", first_class, "of the task", at_least(0));
    f("class_count", class_count, "of the task", at_least(1));
  }
};

CaseFunction masked_loss() {
  return case_function<Columns>(
      {"task-masked-loss",
       "cross-entropy and prediction among a task's classes",
       {{"logits", "N,K"}, {"labels", "N", CaseType::kInt}},
       {{"loss", ""}, {"grad_logits", "N,K"}, {"prediction", "N", CaseType::kInt}}},
      [](const Columns& o, const CaseValues& in, CaseValues& out) {
        const Tensor z = variable(in.tensor("logits"));
        const Tensor loss = task_masked_loss(z, in.ints("labels"), o.first_class, o.class_count);
        out.set("loss", stop_gradient(loss));
        out.set("grad_logits", grad(loss, {z})[0]);
        out.set("prediction", task_masked_prediction(in.tensor("logits"), o.first_class, o.class_count));
      });
}

struct Train : TagOptions {
  int64 classes_per_task = 2;
  void visit(auto&& f) {
    TagOptions::visit(f);
    f("classes_per_task", classes_per_task, "task t has those from t times as many on", at_least(1));
  }
};

CaseFunction train() {
  return case_function<Train>(
      {"tag-train",
       "a linear model on tasks of a few classes each",
       {{"task_ids", "k", CaseType::kInt},
        {"x", "k,N,d"},
        {"labels", "k,N", CaseType::kInt},
        {"weight", "K,d"},
        {"bias", "K"}},
       {{"losses", "k"},
        {"weight", "K,d"},
        {"bias", "K"},
        {"alpha", "2,T", CaseType::kReal, "of the last step: weight, bias"}}},
      [](const Train& o, const CaseValues& in, CaseValues& out) {
        const IntTensor& ids = in.ints("task_ids");
        const Tensor& x = in.tensor("x");
        const int64 tasks = task_count(ids);
        TaskGradients tag(std::vector<Tensor>{in.tensor("weight"), in.tensor("bias")}, o);
        std::vector<double> losses;
        for (int64 s = 0; s < ids.numel(); ++s) {
          while (tag.tasks() <= ids[s]) tag.begin_task();
          const Tensor w = variable(tag.params()[0]), b = variable(tag.params()[1]);
          const Tensor loss = task_masked_loss(linear(x.rows(s, s + 1).view({x.dim(1), x.dim(2)}), w, b),
                                               in.ints("labels").rows(s, s + 1).view({x.dim(1)}),
                                               ids[s] * o.classes_per_task, o.classes_per_task);
          losses.push_back(static_cast<double>(loss.item()));
          tag.step(grad(loss, {w, b}));
        }
        Tensor alpha = Tensor::zeros({2, tasks});
        for (size_t i = 0; i < 2; ++i)
          set_alpha(alpha, static_cast<int64>(i) * tasks, tag.moments(i).alpha());
        out.set("losses", tensor_of(losses));
        out.set("weight", tag.params()[0]);
        out.set("bias", tag.params()[1]);
        out.set("alpha", alpha);
      });
}

}  // namespace tag_cases

std::vector<CaseFunction> tag_functions() {
  using namespace tag_cases;
  return {alpha(), update(), masked_loss(), train()};
}

}  // namespace gradus
