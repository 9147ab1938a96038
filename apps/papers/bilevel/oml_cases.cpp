#include "apps/papers/bilevel/oml_cases.h"

#include "apps/papers/backprop-free/dense_case.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/nn_ops.h"
#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "data/tasks/sine_tasks.h"
#include "optim/bilevel/oml.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct SineCase {
  int64 capacity = 10;
  void visit(auto&& f) { f("capacity", capacity, "slots of the input", at_least(1)); }
};

CaseFunction sine_function() {
  return case_function<SineCase>({"sine-task-batch",
                                  "points of sine waves with a slot a task",
                                  {{"u_amplitude", "T", CaseType::kReal, "uniform draws"},
                                   {"u_phase", "T"},
                                   {"slots", "T", CaseType::kInt},
                                   {"u_x", "T,B"}},
                                  {{"x", "T,B,capacity+1"}, {"y", "T,B"}}},
                                 [](const SineCase& o, const CaseValues& in, CaseValues& out) {
                                   const SineBatch batch =
                                       sine_batch(in.tensor("u_amplitude"), in.tensor("u_phase"),
                                                  in.ints("slots"), in.tensor("u_x"), o.capacity);
                                   out.set("x", batch.x);
                                   out.set("y", batch.y);
                                 });
}

Tensors rows_of(const Tensor& x) {
  Tensors rows;
  for (int64 k = 0; k < x.dim(0); ++k) rows.push_back(row_of(x, k));
  return rows;
}

// Mean of squares of one output a row.
OmlData squares_data(const Tensor& x, const Tensor& y, const Tensor& meta_x, const Tensor& meta_y) {
  const Tensors targets = rows_of(y);
  return {rows_of(x), meta_x, [=](const Tensor& predictions, int64 k) {
            const Tensor& goal = k == kMetaBatch ? meta_y : targets[static_cast<size_t>(k)];
            return mse_loss(reshape(predictions, goal.shape()), goal);
          }};
}

std::vector<CaseSlot> with_network(std::vector<CaseSlot> slots) {
  slots.insert(slots.begin(), {{"W#", "o#,i#"}, {"b#", "o#"}});
  return slots;
}

void set_gradient(const OmlGradient& at, CaseValues& out) {
  out.set("first_loss", at.first_loss);
  out.set("meta_loss", at.meta_loss);
  set_dense(out, "grad_", at.grads);
  out.set("fast_W", at.fast[0]);
  out.set("fast_b", at.fast[1]);
}

std::vector<CaseSlot> gradient_outputs() {
  return {{"first_loss", ""}, {"meta_loss", ""},  {"grad_W#", "o#,i#"},
          {"grad_b#", "o#"},  {"fast_W", "...a"}, {"fast_b", "...b"}};
}

struct InnerCase {
  double update_lr = 0.003, grad_clip = 0;
  bool second_order = true;
  void visit(auto&& f) {
    f("update_lr", update_lr, "step size of the inner loop", at_least(0));
    f("grad_clip", grad_clip, "largest element of its gradients; 0: any", at_least(0));
    f("second_order", second_order, "differentiate through its gradients");
  }
  InnerLoop loop() const { return {update_lr, grad_clip, second_order}; }
};

CaseFunction oml_gradient_function() {
  return case_function<InnerCase>(
      {"oml-meta-gradient",
       "loss on data of all tasks after learning a stream with the last layer, and its gradient",
       with_network({{"x_traj", "K,B,D"}, {"y_traj", "K,B"}, {"x_rand", "M,D"}, {"y_rand", "M"}}),
       gradient_outputs()},
      [](const InnerCase& o, const CaseValues& in, CaseValues& out) {
        set_gradient(oml_meta_gradient(dense_inputs(in),
                                       squares_data(in.tensor("x_traj"), in.tensor("y_traj"),
                                                    in.tensor("x_rand"), in.tensor("y_rand")),
                                       o.loop()),
                     out);
      });
}

struct ClassCase {
  double update_lr = 0.01;
  bool second_order = true;
  void visit(auto&& f) {
    f("update_lr", update_lr, "step size of the inner loop", at_least(0));
    f("second_order", second_order, "differentiate through its gradients");
  }
};

CaseFunction oml_class_function() {
  return case_function<ClassCase>(
      {"oml-classification-meta-gradient",
       "the same with cross-entropy and the output rows of the stream's classes drawn anew",
       with_network({{"reset_classes", "R", CaseType::kInt},
                     {"fresh_rows", "R,h"},
                     {"x_traj", "K,B,D"},
                     {"y_traj", "K,B", CaseType::kInt},
                     {"x_rand", "M,D"},
                     {"y_rand", "M", CaseType::kInt}}),
       gradient_outputs()},
      [](const ClassCase& o, const CaseValues& in, CaseValues& out) {
        Tensors params = dense_inputs(in);
        params[params.size() - 2] =
            with_fresh_rows(params[params.size() - 2], in.ints("reset_classes"), in.tensor("fresh_rows"));
        const IntTensor &labels = in.ints("y_traj"), &meta_labels = in.ints("y_rand");
        const OmlData data{rows_of(in.tensor("x_traj")), in.tensor("x_rand"),
                           [&](const Tensor& logits, int64 k) {
                             return cross_entropy(logits, k == kMetaBatch ? meta_labels : row_of(labels, k));
                           }};
        set_gradient(oml_meta_gradient(params, data, {o.update_lr, 0, o.second_order}), out);
      });
}

struct MetaTrainCase : InnerCase {
  double meta_lr = 1e-4;
  void visit(auto&& f) {
    InnerCase::visit(f);
    f("meta_lr", meta_lr, "step size of Adam on all parameters", positive());
  }
};

CaseFunction oml_train_function() {
  return case_function<MetaTrainCase>(
      {"oml-meta-train",
       "meta steps with Adam, each on data of its own",
       with_network({{"x_traj", "S,K,B,D"}, {"y_traj", "S,K,B"}, {"x_rand", "S,M,D"}, {"y_rand", "S,M"}}),
       {{"meta_loss", "S"}, {"W#", "o#,i#"}, {"b#", "o#"}}},
      [](const MetaTrainCase& o, const CaseValues& in, CaseValues& out) {
        Parameters parameters;
        for (const Tensor& t : dense_inputs(in))
          parameters.push_back(
              make_parameter(fmt::format("p{}", parameters.size()), ParamKind::kWeight, t.clone()));
        const OptimizerPtr adam = make_optimizer(fmt::format("adam:lr={}", o.meta_lr), parameters);
        const int64 steps = in.tensor("x_traj").dim(0);
        Tensor losses({steps});
        const auto values = [&] {
          Tensors now;
          for (const ParameterPtr& p : parameters) now.push_back(stop_gradient(p->value));
          return now;
        };
        for (int64 s = 0; s < steps; ++s) {
          const auto at_step = [&](const char* name) { return row_of(in.tensor(name), s); };
          const OmlGradient at = oml_meta_gradient(
              values(),
              squares_data(at_step("x_traj"), at_step("y_traj"), at_step("x_rand"), at_step("y_rand")),
              o.loop());
          losses.mutable_data()[s] = static_cast<real>(at.meta_loss);
          for (size_t i = 0; i < parameters.size(); ++i) parameters[i]->grad = at.grads[i];
          adam->step(1, at.meta_loss);
        }
        out.set("meta_loss", losses);
        set_dense(out, "", values());
      });
}

struct OnlineCase {
  double lr = 0.003;
  void visit(auto&& f) { f("lr", lr, "step size on the last layer", at_least(0)); }
};

CaseFunction online_function() {
  return case_function<OnlineCase>(
      {"online-evaluation",
       "one pass over a stream with the last layer, then the loss of every task",
       with_network({{"x_stream", "K,B,D"}, {"y_stream", "K,B"}, {"x_test", "T,M,D"}, {"y_test", "T,M"}}),
       {{"task_loss", "T"}, {"W", "...a"}, {"b", "...b"}}},
      [](const OnlineCase& o, const CaseValues& in, CaseValues& out) {
        const Tensors params = dense_inputs(in);
        const Tensors last =
            learn_online(params, squares_data(in.tensor("x_stream"), in.tensor("y_stream"), {}, {}), o.lr);
        const int64 tasks = in.tensor("x_test").dim(0);
        Tensor losses({tasks});
        for (int64 t = 0; t < tasks; ++t) {
          const Tensor goal = row_of(in.tensor("y_test"), t);
          const Tensor predictions =
              OmlNetwork::predict(last, OmlNetwork::represent(params, row_of(in.tensor("x_test"), t)));
          losses.mutable_data()[t] = mse_loss(reshape(predictions, goal.shape()), goal).item();
        }
        out.set("task_loss", losses);
        out.set("W", last[0]);
        out.set("b", last[1]);
      });
}

}  // namespace

std::vector<CaseFunction> oml_functions() {
  return {sine_function(), oml_gradient_function(), oml_class_function(), oml_train_function(),
          online_function()};
}

}  // namespace gradus
