// FedAvg and FedAvgM: the server takes the clients' mean, or goes on in its direction.
// Papers: McMahan, Moore, Ramage, Hampson, Agueera y Arcas, "Communication-Efficient Learning of Deep Networks from
//         Decentralized Data", AISTATS 2017, arXiv 1602.05629, Algorithm 1 (lr = 1);
//         Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification",
//         2019, arXiv 1909.06335 (FedAvgM).
//   Delta = sum_i p_i (x_i - x)
//   FedAvg:   x <- x + lr*Delta
//   FedAvgM:  m = momentum*m + Delta,  x <- x + lr*m
#include "optim/elements.h"
#include "optim/server/servers.h"

namespace gradus::servers {
namespace {

struct FedAvg {
  struct Options {
    double lr = 1;
    void visit(auto&& f) { f("lr", lr, "share of the way to the clients' mean; 1 is the mean", positive()); }
  };
  static void update(Tensor& x, const Tensor& delta, State&, const Options& o, int64) {
    for_each_element(x, delta, [lr = static_cast<real>(o.lr)](real& w, real d) { w += lr * d; });
  }
};

struct FedAvgM {
  struct Options {
    double lr = 1, momentum = 0.9;
    void visit(auto&& f) {
      f("lr", lr, "step size of the server", positive());
      f("momentum", momentum, "share of the last direction that is kept", decay_rate());
    }
  };
  static void update(Tensor& x, const Tensor& delta, State& s, const Options& o, int64) {
    const auto mu = static_cast<real>(o.momentum), lr = static_cast<real>(o.lr);
    for_each_element(x, delta, s("m", x.shape()), [=](real& w, real d, real& m) {
      m = mu * m + d;
      w += lr * m;
    });
  }
};

}  // namespace

ServerRuleEntry fedavg() {
  return server_entry<FedAvg>("fedavg", "the clients' mean", "McMahan et al., AISTATS 2017, arXiv 1602.05629",
                              "Delta = sum_i p_i (x_i - x)\nx <- x + lr*Delta");
}

ServerRuleEntry fedavgm() {
  return server_entry<FedAvgM>("fedavgm", "the clients' mean with momentum",
                               "Hsu, Qi, Brown, 2019, arXiv 1909.06335",
                               "m = momentum*m + Delta\nx <- x + lr*m");
}

}  // namespace gradus::servers
