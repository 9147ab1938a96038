#include "apps/papers/language/continual-ema_cases.h"

#include "apps/papers/landscape.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "data/tasks/instruction_sets.h"
#include "optim/methods/dynamic_ema.h"
#include "optim/registry.h"

namespace gradus {
namespace {

// The mean over the steps of one tensor: theta and gradients (S,...).
void average_steps(const DynamicEmaOptions& o, const CaseValues& in, const std::string& name,
                   CaseValues& out) {
  const Tensor &theta = in.tensor("theta_" + name), &gradient = in.tensor("grad_" + name);
  DynamicEma ema(o);
  Tensor average(theta.shape());
  std::vector<double> weights;
  for (int64 s = 0; s < theta.dim(0); ++s) {
    weights.push_back(ema.update(theta.rows(s, s + 1), gradient.rows(s, s + 1)));
    average.rows(s, s + 1).copy_from(ema.average());
  }
  out.set("weight_" + name, tensor_of(weights));
  out.set("average_" + name, average);
}

CaseFunction ema_function() {
  return case_function<DynamicEmaOptions>(
      {"dynamic-ema",
       "running means of two tensors, each by itself, with a weight of its own at each step",
       {{"theta_a", "S,...a", CaseType::kReal, "behind each step"},
        {"grad_a", "S,...a"},
        {"theta_b", "S,...b"},
        {"grad_b", "S,...b"}},
       {{"weight_a", "S", CaseType::kReal, "of theta"},
        {"average_a", "S,...a"},
        {"weight_b", "S"},
        {"average_b", "S,...b"}}},
      [](const DynamicEmaOptions& o, const CaseValues& in, CaseValues& out) {
        average_steps(o, in, "a", out);
        average_steps(o, in, "b", out);
      });
}

struct EmaTrainCase : DynamicEmaOptions {
  double lr = 0.05, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, scale = 2;
  int64 steps = 4;
  void visit(auto&& f) {
    DynamicEmaOptions::visit(f);
    f("lr", lr, "step size", positive());
    f("beta1", beta1, "decay of the gradient mean", decay_rate());
    f("beta2", beta2, "decay of the mean of squared gradients", decay_rate());
    f("eps", eps, "added to the bias-corrected root", positive());
    f("steps", steps, "of each task", at_least(1));
    f("scale", scale, "of the low-rank part");
  }
};

CaseFunction train_function() {
  return case_function<EmaTrainCase>(
      {"ema-train",
       "a low-rank change of a linear map, trained on one task after the other, averaged within each",
       {{"x", "tasks,n,di"},
        {"y", "tasks,n,do"},
        {"base_weight_matrix", "do,di"},
        {"lora_a", "r,di"},
        {"lora_b", "do,r"}},
       {{"losses", "tasks*steps"},
        {"weights", "tasks*steps,2"},
        {"lora_a", "tasks,r,di"},
        {"lora_b", "tasks,do,r"}}},
      [](const EmaTrainCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &x = in.tensor("x"), &y = in.tensor("y");
        const int64 tasks = x.dim(0), n = x.dim(1);
        const Parameters lora{make_parameter("lora_a", ParamKind::kWeight, in.tensor("lora_a").clone()),
                              make_parameter("lora_b", ParamKind::kWeight, in.tensor("lora_b").clone())};
        std::vector<double> losses, weights;
        std::vector<real> after[2];
        for (int64 task = 0; task < tasks; ++task) {
          const Tensor inputs = x.rows(task, task + 1).view({n, x.dim(2)}),
                       targets = y.rows(task, task + 1).view({n, y.dim(2)});
          const OptimizerPtr adam = make_optimizer(
              fmt::format("adam:lr={},beta1={},beta2={},eps={}", o.lr, o.beta1, o.beta2, o.eps), lora);
          std::vector<DynamicEma> means(2, DynamicEma(o));
          for (int64 k = 0; k < o.steps; ++k) {
            const Tensor a = lora[0]->value, b = lora[1]->value;
            const Tensor w = in.tensor("base_weight_matrix") + matmul(b, a) * static_cast<real>(o.scale);
            const Tensor loss = sum(square(linear(inputs, w) - targets)) / static_cast<real>(2 * n);
            losses.push_back(static_cast<double>(loss.item()));
            const std::vector<Tensor> grads = grad(loss, {a, b});
            for (size_t i = 0; i < 2; ++i) lora[i]->grad = grads[i];
            adam->step();
            for (size_t i = 0; i < 2; ++i) weights.push_back(means[i].update(lora[i]->value, grads[i]));
          }
          for (size_t i = 0; i < 2; ++i) {
            lora[i]->value.copy_from(means[i].average());
            after[i].insert(after[i].end(), lora[i]->value.data(),
                            lora[i]->value.data() + lora[i]->value.numel());
          }
        }
        const auto stacked = [&](size_t i) {
          const Shape& one = lora[i]->value.shape();
          return Tensor::from({tasks, one[0], one[1]}, after[i]);
        };
        out.set("losses", tensor_of(losses));
        out.set("weights", tensor_of(weights, {tasks * o.steps, 2}));
        out.set("lora_a", stacked(0));
        out.set("lora_b", stacked(1));
      });
}

struct SelectCase {
  std::string tasks, queries, stop_words;
  double threshold = 0.9;
  void visit(auto&& f) {
    f("tasks", tasks, "instructions: | between those of a task, ; between tasks");
    f("queries", queries, "the same for tasks that are only looked up");
    f("stop_words", stop_words, "words that do not count, between blanks");
    f("threshold", threshold, "least similarity of tasks that share a set");
  }
};

std::vector<std::string> split_text(const std::string& text, char by) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == by)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}
std::vector<std::vector<std::string>> task_lists(const std::string& text) {
  std::vector<std::vector<std::string>> tasks;
  if (text.empty()) return tasks;
  for (const std::string& task : split_text(text, ';')) tasks.push_back(split_text(task, '|'));
  return tasks;
}

CaseFunction select_function() {
  return case_function<SelectCase>(
      {"adapter-select",
       "the sets of weights that tasks use, by their instructions",
       {},
       {{"set", "T", CaseType::kInt}, {"similarity", "T"}, {"query_set", "Q", CaseType::kInt}}},
      [](const SelectCase& o, const CaseValues&, CaseValues& out) {
        InstructionSets sets(o.threshold, split_text(o.stop_words, ' '));
        std::vector<int64> chosen, found;
        std::vector<double> similarity;
        for (const auto& task : task_lists(o.tasks)) {
          const InstructionSets::Choice c = sets.add_task(task);
          chosen.push_back(c.set);
          similarity.push_back(c.similarity);
        }
        for (const auto& task : task_lists(o.queries)) found.push_back(sets.find(task));
        const auto ints = [](const std::vector<int64>& v) {
          return IntTensor::from({static_cast<int64>(v.size())}, v);
        };
        out.set("set", ints(chosen));
        out.set("similarity", tensor_of(similarity));
        out.set("query_set", ints(found));
      });
}

}  // namespace

std::vector<CaseFunction> continual_ema_functions() {
  return {ema_function(), train_function(), select_function()};
}

}  // namespace gradus
