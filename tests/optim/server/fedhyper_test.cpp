// FedHyper at the server, FedExP, decay: figures by hand.
#include <doctest/doctest.h>

#include "optim/server/server_rule.h"

using namespace gradus;

namespace {

constexpr double kHyperNear = sizeof(real) == 8 ? 1e-12 : 1e-6;

// Adds the displacement to x.
void hyper_step(ServerRule& rule, Tensor& x, double a, double b, double mean_square = 0) {
  rule.step(x, {Tensor::from({2}, {static_cast<real>(a), static_cast<real>(b)}), 2, mean_square});
}
double alpha_of(const ServerRule& rule) { return rule.scalar("alpha").value(); }

}  // namespace

TEST_CASE("fedhyper-g: the factor by hand, its bounds in both forms, the unscaled displacement is kept") {
  for (const bool paper : {false, true}) {
    const ServerRulePtr rule = make_server_rule(paper ? "fedhyper-g:bounds=paper" : "fedhyper-g");
    Tensor x = Tensor::zeros({2});
    hyper_step(*rule, x, 1, 0);
    CHECK(alpha_of(*rule) == 1);
    hyper_step(*rule, x, 0.5, 0.5);
    CHECK(alpha_of(*rule) == doctest::Approx(1.5).epsilon(kHyperNear));
    CHECK(x.data()[0] == doctest::Approx(1.75).epsilon(kHyperNear));
    CHECK(x.data()[1] == doctest::Approx(0.75).epsilon(kHyperNear));
    hyper_step(*rule, x, 1, 0);  // 1.5 + 0.5, of the displacements as they are
    CHECK(alpha_of(*rule) == doctest::Approx(2).epsilon(kHyperNear));
    CHECK(x.data()[0] == doctest::Approx(3.75).epsilon(kHyperNear));
    hyper_step(*rule, x, -4, -4);  // the inner product is -4
    CHECK(alpha_of(*rule) == doctest::Approx(paper ? 1.0 / 3 : 0.2).epsilon(kHyperNear));
    const ServerRulePtr large = make_server_rule(paper ? "fedhyper-g:bounds=paper" : "fedhyper-g");
    hyper_step(*large, x, 10, 0), hyper_step(*large, x, 10, 0);
    CHECK(alpha_of(*large) == (paper ? 3 : 5));
  }
}

TEST_CASE("fedhyper-g: orthogonal and zero displacements leave the factor, hyper_lr 0 is FedAvg") {
  const ServerRulePtr rule = make_server_rule("fedhyper-g"), off = make_server_rule("fedhyper-g:hyper_lr=0"),
                      mean = make_server_rule("fedavg");
  Tensor x = Tensor::zeros({2}), a = x.clone(), b = x.clone();
  hyper_step(*rule, x, 1, 0), hyper_step(*rule, x, 0, 2), hyper_step(*rule, x, 0, 0);
  CHECK(alpha_of(*rule) == 1);
  for (const double d : {3.0, -1.0, 2.0}) hyper_step(*off, a, d, 1), hyper_step(*mean, b, d, 1);
  CHECK(a.values() == b.values());
}

TEST_CASE("fedhyper-gm: the second round by hand") {
  const ServerRulePtr rule = make_server_rule("fedhyper-gm");
  Tensor x = Tensor::zeros({2});
  hyper_step(*rule, x, 1, 0);
  hyper_step(*rule, x, 0.5, 0);
  CHECK(alpha_of(*rule) == doctest::Approx(1.5).epsilon(kHyperNear));
  CHECK(x.data()[0] == doctest::Approx(1 + 0.75 + 0.45).epsilon(kHyperNear));
  CHECK(rule->slot("u")->data()[0] == doctest::Approx(1.4).epsilon(kHyperNear));
  hyper_step(*rule, x, -9, 0);
  CHECK(alpha_of(*rule) == 0.8);
}

TEST_CASE("fedhyper-sl: the clients' factor lags the displacements by a round") {
  const ServerRulePtr rule = make_server_rule("fedhyper-sl:gamma_beta=4");
  Tensor x = Tensor::zeros({2});
  CHECK(rule->client_lr_scale() == 1);
  hyper_step(*rule, x, 1, 0);
  CHECK(rule->client_lr_scale() == 1);
  hyper_step(*rule, x, 0.5, 1);
  CHECK(rule->client_lr_scale() == 1.5);
  CHECK(x.data()[0] == 1.5);  // the displacements themselves
  hyper_step(*rule, x, 10, 10);
  CHECK(rule->client_lr_scale() == 4);
  hyper_step(*rule, x, -10, -10);
  CHECK(rule->client_lr_scale() == 0.25);
}

TEST_CASE("fedexp, decay-g, decay-sl: by hand") {
  Tensor x = Tensor::zeros({2});
  const ServerRulePtr exp = make_server_rule("fedexp:eps=0.5");
  hyper_step(*exp, x, 1, 1, 10);  // 10/(2 (2 + 0.5))
  CHECK(alpha_of(*exp) == doctest::Approx(2));
  CHECK(x.data()[0] == doctest::Approx(2));
  hyper_step(*exp, x, 1, 1, 1);
  CHECK(alpha_of(*exp) == 1);
  const ServerRulePtr global = make_server_rule("decay-g:decay=0.5"),
                      local = make_server_rule("decay-sl:decay=0.5");
  Tensor a = Tensor::zeros({2}), b = a.clone();
  for (int t = 0; t < 3; ++t) {
    CHECK(local->client_lr_scale() == doctest::Approx(t == 0 ? 1 : t == 1 ? 0.5 : 0.25));
    hyper_step(*global, a, 1, 0), hyper_step(*local, b, 1, 0);
  }
  CHECK(a.data()[0] == doctest::Approx(1.75));
  CHECK(b.data()[0] == 3);
}
