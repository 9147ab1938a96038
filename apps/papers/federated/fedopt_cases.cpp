#include "apps/papers/federated/fedopt_cases.h"

#include "apps/federated/round.h"
#include "apps/papers/federated/least_squares.h"
#include "autograd/functional/flat.h"
#include "optim/server/aggregate.h"
#include "optim/server/server_rule.h"

namespace gradus {
namespace {

// The server's options as cases name them, all for any rule; the registry's spec of it.
struct ServerCase {
  std::string server = "fedadam", form = "keras";
  double server_lr = 0.1, tau = 1e-3, momentum = 0.9;
  std::optional<double> beta1, beta2;

  void visit_server(auto&& f) {
    f("server", server, "rule of the server",
      choices({"fedavg", "fedavgm", "fedadagrad", "fedadam", "fedyogi"}));
    f("form", form, "start of v and bias correction", choices({"keras", "paper"}));
    f("server_lr", server_lr, "step size of the server", positive());
    f("beta1", beta1, "decay of m; unless given 0.9, of fedadagrad 0", decay_rate());
    f("beta2", beta2, "decay of v; unless given 0.999 in form keras, 0.99 in form paper", decay_rate());
    f("tau", tau, "added to the root of v", positive());
    f("momentum", momentum, "of fedavgm", decay_rate());
  }
  std::string spec() const {
    if (server == "fedavg") return fmt::format("fedavg:lr={}", server_lr);
    if (server == "fedavgm") return fmt::format("fedavgm:lr={},momentum={}", server_lr, momentum);
    std::string text = fmt::format("{}:lr={},tau={},form={}", server, server_lr, tau, form);
    if (beta1) text += fmt::format(",beta1={}", *beta1);
    if (beta2 && server != "fedadagrad") text += fmt::format(",beta2={}", *beta2);
    return text;
  }
  // What the rule keeps, or what it would have started from.
  Tensor m(const ServerRule& rule, const Shape& shape) const {
    const Tensor* slot = rule.slot("m");
    return slot ? *slot : Tensor::zeros(shape);
  }
  Tensor v(const ServerRule& rule, const Shape& shape) const {
    const Tensor* slot = rule.slot("v");
    return slot ? *slot : Tensor::full(shape, static_cast<real>(form == "paper" ? tau * tau : 0));
  }
};

struct ServerStepCase : ServerCase {
  void visit(auto&& f) { visit_server(f); }
};

CaseFunction server_step_function() {
  return case_function<ServerStepCase>(
      {"server-step",
       "steps of the server from given mean displacements: parameters after each, m and v after the last",
       {{"params", "d"}, {"deltas", "T,d"}},
       {{"params", "T,d"}, {"m", "d"}, {"v", "d"}}},
      [](const ServerStepCase& o, const CaseValues& in, CaseValues& out) {
        const ServerRulePtr rule = make_server_rule(o.spec());
        const Tensor& deltas = in.tensor("deltas");
        Tensor x = in.tensor("params").clone();
        std::vector<Tensor> after;
        for (int64 t = 0; t < deltas.dim(0); ++t) {
          rule->step(x, {deltas.rows(t, t + 1).view(x.shape()), 1});
          after.push_back(x.clone());
        }
        out.set("params", flatten_all(after).view(deltas.shape()));
        out.set("m", o.m(*rule, x.shape()));
        out.set("v", o.v(*rule, x.shape()));
      });
}

struct AggregateCase {
  std::string weighting = "examples";
  void visit(auto&& f) {
    f("weighting", weighting, "a client's part in the mean", choices({"examples", "uniform"}));
  }
};

CaseFunction aggregate_function() {
  return case_function<AggregateCase>(
      {"aggregate-deltas",
       "mean displacement of clients, and their weights; clients without examples have weight 0",
       {{"params", "d"}, {"client_params", "S,d"}, {"num_examples", "S", CaseType::kInt}},
       {{"delta", "d"}, {"weights", "S"}}},
      [](const AggregateCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor &x = in.tensor("params"), &clients = in.tensor("client_params");
        const std::vector<double> weights =
            client_weights(in.ints("num_examples").span(), weighting_of(o.weighting));
        WeightedSum sum(x.numel());
        for (size_t i = 0; i < weights.size(); ++i) {
          const auto row = static_cast<int64>(i);
          if (weights[i] > 0)
            sum.add(weights[i], displacement(clients.rows(row, row + 1).view(x.shape()), x));
        }
        Tensor p({std::ssize(weights)});
        for (size_t i = 0; i < weights.size(); ++i) p.mutable_data()[i] = static_cast<real>(weights[i]);
        out.set("delta", sum.result());
        out.set("weights", p);
      });
}

std::string sgd_spec(double lr) { return fmt::format("sgd:lr={}", lr); }

struct ClientCase {
  double client_lr = 0.1;
  void visit(auto&& f) { f("client_lr", client_lr, "step size of the client", positive()); }
};

CaseFunction client_function() {
  return case_function<ClientCase>(
      {"client-update",
       "local SGD of one client on linear least squares: its end minus its start",
       {{"x", "N,i"},
        {"y", "N,o"},
        {"weight", "o,i"},
        {"bias", "o"},
        {"batches", "K,B", CaseType::kInt, "rows of each step; -1: padding"}},
       {{"delta_weight", "o,i"}, {"delta_bias", "o"}}},
      [](const ClientCase& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        const IntTensor& batches = in.ints("batches");
        problem.set_clients(IntTensor::full({in.tensor("x").dim(0)}, 0));
        problem.prescribe(IntTensor::full({1, 1}, 0), batches.view({1, 1, batches.dim(0), batches.dim(1)}));
        const OptimizerTraining training(sgd_spec(o.client_lr), problem.parameters());
        const ClientUpdate update = train_client(problem, training, read_point(problem), 0, 0);
        const std::vector<Tensor> like{in.tensor("weight"), in.tensor("bias")};
        const std::vector<Tensor> parts = unflatten(update.delta.x, like);
        out.set("delta_weight", parts[0]);
        out.set("delta_bias", parts[1]);
      });
}

struct RoundsCase : ServerCase {
  double client_lr = 0.1;
  std::string weighting = "examples";
  void visit(auto&& f) {
    f("client_lr", client_lr, "step size of the clients", positive());
    f("weighting", weighting, "a client's part in the mean", choices({"examples", "uniform"}));
    visit_server(f);
  }
};

CaseFunction rounds_function() {
  return case_function<RoundsCase>(
      {"fedopt-rounds",
       "whole rounds on linear least squares: local SGD, mean, server step; losses over all rows after each "
       "round",
       {{"x", "N,i"},
        {"y", "N,o"},
        {"client_of", "N", CaseType::kInt, "the client that owns each row"},
        {"weight", "o,i"},
        {"bias", "o"},
        {"sampled", "T,S", CaseType::kInt, "clients of each round, in any order"},
        {"batches", "T,S,K,B", CaseType::kInt, "rows of each local step; -1: padding"}},
       {{"weight", "o,i"}, {"bias", "o"}, {"losses", "T"}, {"v", "o*i+o"}}},
      [](const RoundsCase& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        problem.set_clients(in.ints("client_of"));
        problem.prescribe(in.ints("sampled"), in.ints("batches"));
        const OptimizerTraining training(sgd_spec(o.client_lr), problem.parameters());
        const ServerRulePtr server = make_server_rule(o.spec());
        ServerPoint point = read_point(problem);
        Tensor losses({in.ints("sampled").dim(0)});
        for (int64 t = 0; t < losses.numel(); ++t) {
          run_round(problem, training, *server, point, problem.plan(t), weighting_of(o.weighting));
          write_point(problem, point);
          losses.mutable_data()[t] = static_cast<real>(problem.loss());
        }
        out.set("weight", problem.parameters()[0]->value.clone());
        out.set("bias", problem.parameters()[1]->value.clone());
        out.set("losses", losses);
        out.set("v", o.v(*server, point.x.shape()));
      });
}

}  // namespace

std::vector<CaseFunction> fedopt_functions() {
  return {server_step_function(), aggregate_function(), client_function(), rounds_function()};
}

}  // namespace gradus
