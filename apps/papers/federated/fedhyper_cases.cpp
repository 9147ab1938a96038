#include "apps/papers/federated/fedhyper_cases.h"

#include <fmt/format.h>

#include "apps/federated/round.h"
#include "apps/papers/federated/least_squares.h"
#include "apps/papers/federated/least_squares_slots.h"
#include "autograd/functional/flat.h"
#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "optim/server/server_rule.h"

namespace gradus {
namespace fedhyper_cases {

using namespace least_squares;

struct Global {
  std::string mode = "g", bounds = "reference";
  double hyper_lr = 1, server_momentum = 0.9;
  void visit(auto&& f) {
    f("mode", mode, "with momentum (gm) or without (g)", choices({"g", "gm"}));
    f("bounds", bounds, "of alpha, mode g", choices({"reference", "paper"}));
    f("hyper_lr", hyper_lr, "factor on the inner product", at_least(0));
    f("server_momentum", server_momentum, "of mode gm", decay_rate());
  }
  std::string spec() const {
    return mode == "g" ? fmt::format("fedhyper-g:bounds={},hyper_lr={}", bounds, hyper_lr)
                       : fmt::format("fedhyper-gm:hyper_lr={},momentum={}", hyper_lr, server_momentum);
  }
};

// The displacement of round t: cases give it in the direction of a gradient.
Tensor displacement_of(const Tensor& deltas, int64 t) {
  return deltas.rows(t, t + 1).view({deltas.dim(1)}) * real(-1);
}

CaseFunction global_rate() {
  return case_function<Global>(
      {"global-rate",
       "factors of given mean updates (start minus end), and the parameters after each",
       {{"params", "d"}, {"deltas", "T,d"}},
       {{"alpha", "T"}, {"params", "T,d"}}},
      [](const Global& o, const CaseValues& in, CaseValues& out) {
        const ServerRulePtr rule = make_server_rule(o.spec());
        const Tensor& deltas = in.tensor("deltas");
        Tensor x = in.tensor("params").clone(), alpha({deltas.dim(0)});
        std::vector<Tensor> after;
        for (int64 t = 0; t < deltas.dim(0); ++t) {
          rule->step(x, {displacement_of(deltas, t), 1});
          alpha.mutable_data()[t] = static_cast<real>(rule->scalar("alpha").value());
          after.push_back(x.clone());
        }
        out.set("alpha", alpha);
        out.set("params", flatten_all(after).view(deltas.shape()));
      });
}

struct ServerLocal {
  double lr = 0.01, hyper_lr = 1, gamma_beta = 10;
  void visit(auto&& f) {
    f("lr", lr, "step size of the clients at the start", positive());
    f("hyper_lr", hyper_lr, "factor on the inner product", at_least(0));
    f("gamma_beta", gamma_beta, "beta stays within a factor of this", at_least(1));
  }
};

CaseFunction server_local_rate() {
  return case_function<ServerLocal>(
      {"server-local-rate",
       "what the server gives the clients in each round, from the mean updates of the rounds before",
       {{"params", "d", CaseType::kReal, "not used", true}, {"deltas", "T,d"}},
       {{"beta", "T+1"}, {"rate", "T+1"}}},
      [](const ServerLocal& o, const CaseValues& in, CaseValues& out) {
        const ServerRulePtr rule =
            make_server_rule(fmt::format("fedhyper-sl:hyper_lr={},gamma_beta={}", o.hyper_lr, o.gamma_beta));
        const Tensor& deltas = in.tensor("deltas");
        const int64 rounds = deltas.dim(0);
        Tensor x = Tensor::zeros({deltas.dim(1)}), beta({rounds + 1});
        for (int64 t = 0; t <= rounds; ++t) {
          beta.mutable_data()[t] = static_cast<real>(rule->client_lr_scale());
          if (t < rounds) rule->step(x, {displacement_of(deltas, t), 1});
        }
        out.set("beta", beta);
        out.set("rate", beta * static_cast<real>(o.lr));
      });
}

struct Exp {
  double eps = 1e-3;
  void visit(auto&& f) { f("eps", eps, "added to the squared norm of the mean", at_least(0)); }
};

CaseFunction fedexp_rate() {
  return case_function<Exp>({"fedexp-rate",
                             "FedExp's factor and step from the clients' parameters",
                             {{"params", "d"}, {"client_params", "n,d"}},
                             {{"alpha", ""}, {"params", "d"}}},
                            [](const Exp& o, const CaseValues& in, CaseValues& out) {
                              Tensor x = in.tensor("params").clone();
                              const Tensor& clients = in.tensor("client_params");
                              const int64 n = clients.dim(0);
                              WeightedSum mean(x.numel());
                              double squares = 0;
                              for (int64 i = 0; i < n; ++i) {
                                const Tensor d = displacement(clients.rows(i, i + 1).view(x.shape()), x);
                                mean.add(1.0 / static_cast<double>(n), d);
                                for (const real v : d.span())
                                  squares += static_cast<double>(v) * static_cast<double>(v);
                              }
                              const ServerRulePtr rule =
                                  make_server_rule(fmt::format("fedexp:eps={}", o.eps));
                              rule->step(x, {mean.result(), n, squares / static_cast<double>(n)});
                              out.set("alpha", rule->scalar("alpha").value());
                              out.set("params", x);
                            });
}

struct Local {
  HyperLocalOptions local;
  void visit_local(auto&& f) {
    f("lr", local.lr, "step size of the client at the start", positive());
    f("momentum", local.momentum, "of the client", decay_rate());
    f("cl_form", local.form, "how beta changes", choices({"reference", "paper"}));
    f("hyper_lr", local.hyper_lr, "factor on the inner products", at_least(0));
    f("gamma_beta", local.gamma_beta, "beta stays within a factor of this", at_least(1));
    f("max_growth", local.max_growth, "largest factor of a step", at_least(1));
    f("n_sel", local.n_sel, "clients a round", at_least(1));
  }
  void visit(auto&& f) { visit_local(f); }
};

CaseFunction client_local_rate() {
  return case_function<Local>(
      {"client-local-rate",
       "one client's round: E local epochs, beta used at each step made",
       model_slots({batch_slot("E,K,B"), {"prev_delta_weight", "o,i"}, {"prev_delta_bias", "o"}}),
       {{"weight", "o,i"}, {"bias", "o"}, {"beta", "steps"}}},
      [](const Local& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        const IntTensor& batches = in.ints("batches");
        const int64 epochs = batches.dim(0), each = batches.dim(1);
        problem.set_clients(IntTensor::full({in.tensor("x").dim(0)}, 0));
        problem.prescribe(IntTensor::full({1, 1}, 0), batches.view({1, 1, epochs * each, batches.dim(2)}),
                          epochs);
        const HyperLocalTraining training(o.local);
        const std::vector<Tensor> delta{in.tensor("prev_delta_weight"), in.tensor("prev_delta_bias")};
        const LocalReport report =
            training.train(problem.parameters(), *problem.batches(0, 0), {1, flatten_all(delta) * real(-1)});
        Tensor beta({std::ssize(report.factors)});
        for (int64 k = 0; k < beta.numel(); ++k)
          beta.mutable_data()[k] = static_cast<real>(report.factors[static_cast<size_t>(k)]);
        out.set("weight", problem.parameters()[0]->value.clone());
        out.set("bias", problem.parameters()[1]->value.clone());
        out.set("beta", beta);
      });
}

struct Rounds : Local {
  std::string method = "full", global_mode = "gm", bounds = "reference";
  double server_momentum = 0.9, decay = 0.995, eps = 1e-3;
  void visit(auto&& f) {
    visit_local(f);
    f("method", method, "what adapts",
      choices({"fedavg", "g", "gm", "sl", "cl", "full", "fedexp", "decay-g", "decay-sl"}));
    f("global_mode", global_mode, "the server of method full", choices({"g", "gm"}));
    f("bounds", bounds, "of alpha, mode g", choices({"reference", "paper"}));
    f("server_momentum", server_momentum, "of mode gm", decay_rate());
    f("decay", decay, "of decay-g and decay-sl", {.low = 0, .high = 1, .low_open = true});
    f("eps", eps, "of fedexp", at_least(0));
  }
  std::string server() const {
    const std::string mode = method == "full" ? global_mode : method;
    if (mode == "g" || mode == "gm")
      return Global{
          .mode = mode, .bounds = bounds, .hyper_lr = local.hyper_lr, .server_momentum = server_momentum}
          .spec();
    if (mode == "sl")
      return fmt::format("fedhyper-sl:hyper_lr={},gamma_beta={}", local.hyper_lr, local.gamma_beta);
    if (mode == "fedexp") return fmt::format("fedexp:eps={}", eps);
    if (mode == "decay-g" || mode == "decay-sl") return fmt::format("{}:decay={}", mode, decay);
    return "fedavg";  // also of cl
  }
};

CaseFunction rounds() {
  return case_function<Rounds>(
      {"fedhyper-rounds",
       "whole rounds: the factor on the mean update, the one on the clients' step size, losses over all rows",
       model_slots({clients_slot(), sampled_slot(), batch_slot("T,S,E,K,B")}),
       {{"weight", "o,i"}, {"bias", "o"}, {"alpha", "T"}, {"beta", "T"}, {"losses", "T"}}},
      [](const Rounds& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        problem.set_clients(in.ints("client_of"));
        const IntTensor& b = in.ints("batches");
        const int64 epochs = b.dim(2);
        problem.prescribe(in.ints("sampled"), b.view({b.dim(0), b.dim(1), epochs * b.dim(3), b.dim(4)}),
                          epochs);
        std::unique_ptr<LocalTraining> training;
        if (o.method == "cl" || o.method == "full")
          training = std::make_unique<HyperLocalTraining>(o.local);
        else
          training = std::make_unique<OptimizerTraining>(
              fmt::format("sgd:lr={},momentum={}", o.local.lr, o.local.momentum), problem.parameters());
        const ServerRulePtr server = make_server_rule(o.server());
        ServerPoint point = read_point(problem);
        const int64 rounds = in.ints("sampled").dim(0);
        Tensor losses({rounds}), alpha({rounds}), beta({rounds});
        for (int64 t = 0; t < rounds; ++t) {
          beta.mutable_data()[t] = static_cast<real>(server->client_lr_scale());
          run_round(problem, *training, *server, point, problem.plan(t), Weighting::kUniform);
          write_point(problem, point);
          losses.mutable_data()[t] = static_cast<real>(problem.loss());
          alpha.mutable_data()[t] = static_cast<real>(server->scalar("alpha").value_or(1));
        }
        out.set("weight", problem.parameters()[0]->value.clone());
        out.set("bias", problem.parameters()[1]->value.clone());
        out.set("alpha", alpha);
        out.set("beta", beta);
        out.set("losses", losses);
      });
}

}  // namespace fedhyper_cases

std::vector<CaseFunction> fedhyper_functions() {
  using namespace fedhyper_cases;
  return {global_rate(), server_local_rate(), fedexp_rate(), client_local_rate(), rounds()};
}

}  // namespace gradus
