#include "apps/papers/federated/delta_sgd_cases.h"

#include <fmt/format.h>

#include <limits>

#include "apps/federated/round.h"
#include "apps/papers/federated/least_squares.h"
#include "apps/papers/federated/least_squares_slots.h"
#include "optim/registry.h"
#include "optim/server/server_rule.h"
#include "optim/vocabulary/auto_tuned_step.h"

namespace gradus {
namespace delta_sgd_cases {

using namespace least_squares;

struct StepSize : AutoTunedOptions {
  void visit(auto&& f) { AutoTunedOptions::visit(f); }
};

CaseFunction step_size() {
  return case_function<StepSize>({"step-size",
                                  "the rule over given norms: step size and ratio after each step",
                                  {{"param_norm", "K"}, {"grad_norm", "K"}},
                                  {{"lr", "K"}, {"theta", "K"}}},
                                 [](const StepSize& o, const CaseValues& in, CaseValues& out) {
                                   const Tensor &dx = in.tensor("param_norm"), &dg = in.tensor("grad_norm");
                                   Tensor lr(dx.shape()), theta(dx.shape());
                                   AutoTunedStep step{o.lr, o.theta};
                                   for (int64 k = 0; k < dx.numel(); ++k) {
                                     step.advance(o, static_cast<double>(dx.data()[k]),
                                                  static_cast<double>(dg.data()[k]), k == 0);
                                     lr.mutable_data()[k] = static_cast<real>(step.lr);
                                     theta.mutable_data()[k] = static_cast<real>(step.theta);
                                   }
                                   out.set("lr", lr);
                                   out.set("theta", theta);
                                 });
}

// One client's steps by an optimizer that keeps the step size it used under `name`.
void client_steps(const std::string& spec, const char* name, const CaseValues& in, CaseValues& out) {
  LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
  const IntTensor& batches = in.ints("batches");
  problem.set_clients(IntTensor::full({in.tensor("x").dim(0)}, 0));
  problem.prescribe(IntTensor::full({1, 1}, 0), batches.view({1, 1, batches.dim(0), batches.dim(1)}));
  const OptimizerPtr optimizer = make_optimizer(spec, problem.parameters());
  const std::unique_ptr<LocalBatches> steps = problem.batches(0, 0);
  Tensor lr({steps->steps()});
  for (int64 k = 0; Objective* batch = steps->next(); ++k) {
    optimizer->step(*batch);
    lr.mutable_data()[k] = static_cast<real>(optimizer->scalar(name).value());
  }
  out.set("weight", problem.parameters()[0]->value.clone());
  out.set("bias", problem.parameters()[1]->value.clone());
  out.set("lr", lr);
}

struct Client : AutoTunedOptions {
  double prox_mu = 0;
  void visit_client(auto&& f) {
    AutoTunedOptions::visit(f);
    f("prox_mu", prox_mu, "pull towards the server's parameters", at_least(0));
  }
  void visit(auto&& f) { visit_client(f); }
  std::string spec() const {
    return fmt::format("delta-sgd:form={},lr={},theta={},delta={},gamma={},eps={},prox_mu={}", form, lr,
                       theta, delta, gamma, eps, prox_mu);
  }
};

CaseFunction client() {
  return case_function<Client>(
      {"delta-sgd-client",
       "one client's local steps, and the step size of each",
       model_slots({batch_slot("K,B")}),
       {{"weight", "o,i"}, {"bias", "o"}, {"lr", "steps"}}},
      [](const Client& o, const CaseValues& in, CaseValues& out) { client_steps(o.spec(), "lr", in, out); });
}

struct Sps {
  double c = 0.5, eps = 1e-8, max_lr = 0;
  void visit(auto&& f) {
    f("c", c, "factor on the squared norm of the gradient", positive());
    f("eps", eps, "added to it", at_least(0));
    f("max_lr", max_lr, "largest step size; 0: any", at_least(0));
  }
};

CaseFunction sps_client() {
  return case_function<Sps>({"sps-client",
                             "the same with Polyak's step size from the batch's loss",
                             model_slots({batch_slot("K,B")}),
                             {{"weight", "o,i"}, {"bias", "o"}, {"lr", "steps"}}},
                            [](const Sps& o, const CaseValues& in, CaseValues& out) {
                              client_steps(
                                  fmt::format("polyak-sgd:c={},eps={},lr={}", o.c, o.eps,
                                              o.max_lr > 0 ? o.max_lr : std::numeric_limits<double>::max()),
                                  "eta", in, out);
                            });
}

struct Rounds : Client {
  std::string server = "fedavg";
  double server_lr = 1e-3, beta1 = 0.9, beta2 = 0.999, server_eps = 1e-8;
  void visit(auto&& f) {
    visit_client(f);
    f("server", server, "the clients' mean, or Adam on it", choices({"fedavg", "fedadam"}));
    f("server_lr", server_lr, "of fedadam", positive());
    f("beta1", beta1, "of fedadam", decay_rate());
    f("beta2", beta2, "of fedadam", decay_rate());
    f("server_eps", server_eps, "of fedadam", positive());
  }
};

CaseFunction rounds() {
  return case_function<Rounds>(
      {"delta-sgd-rounds",
       "whole rounds, uniform mean; losses over all rows after each",
       model_slots({clients_slot(), sampled_slot(), batch_slot("T,S,K,B")}),
       {{"weight", "o,i"}, {"bias", "o"}, {"losses", "T"}}},
      [](const Rounds& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        problem.set_clients(in.ints("client_of"));
        problem.prescribe(in.ints("sampled"), in.ints("batches"));
        const OptimizerTraining training(o.spec(), problem.parameters());
        // torch's Adam has eps beside the corrected root.
        const ServerRulePtr server = make_server_rule(
            o.server == "fedavg" ? std::string("fedavg")
                                 : fmt::format("fedadam:lr={},beta1={},beta2={},tau={},form=torch",
                                               o.server_lr, o.beta1, o.beta2, o.server_eps));
        ServerPoint point = read_point(problem);
        Tensor losses({in.ints("sampled").dim(0)});
        for (int64 t = 0; t < losses.numel(); ++t) {
          run_round(problem, training, *server, point, problem.plan(t), Weighting::kUniform);
          write_point(problem, point);
          losses.mutable_data()[t] = static_cast<real>(problem.loss());
        }
        out.set("weight", problem.parameters()[0]->value.clone());
        out.set("bias", problem.parameters()[1]->value.clone());
        out.set("losses", losses);
      });
}

}  // namespace delta_sgd_cases

std::vector<CaseFunction> delta_sgd_functions() {
  using namespace delta_sgd_cases;
  return {step_size(), client(), sps_client(), rounds()};
}

}  // namespace gradus
