// Optimizers that ask more of the objective: first steps worked out by hand, and what they are equal to in special cases.
#include <functional>

#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// f_i(x) = 1/2 sum_j a_ij (x_j - c_ij)^2; the loss of a step is the mean over its rows. Everything that is asked is exact.
class FiniteSum final : public Objective {
 public:
  FiniteSum(std::vector<Values> a, std::vector<Values> c, const Values& start)
      : a_(std::move(a)),
        c_(std::move(c)),
        parameters_{
            make_parameter("w", ParamKind::kBias, tensor({static_cast<int64>(start.size())}, start))} {}
  FiniteSum& on(std::vector<size_t> rows) {
    rows_ = std::move(rows);
    return *this;
  }
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return Needs::everything(); }
  double loss() override {
    double sum = 0;
    const Values x = values();
    for (size_t i : rows_)
      for (size_t j = 0; j < x.size(); ++j) sum += 0.5 * a_[i][j] * (x[j] - c_[i][j]) * (x[j] - c_[i][j]);
    return sum / double(rows_.size());
  }
  double gradient() override {
    ++gradients;
    parameters_[0]->grad = tensor({int64(values().size())}, mean(rows_, values()));
    return loss();
  }
  std::vector<Tensor> full_gradient() override {
    ++full_gradients;
    std::vector<size_t> all;
    for (size_t i = 0; i < a_.size(); ++i) all.push_back(i);
    return {tensor({int64(values().size())}, mean(all, values()))};
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    ++products;
    Values out(values().size());
    for (size_t i : rows_)
      for (size_t j = 0; j < out.size(); ++j)
        out[j] += a_[i][j] * double(v[0].data()[j]) / double(rows_.size());
    return {tensor(v[0].shape(), out)};
  }
  std::vector<Tensor> per_sample_gradients() override {
    Values all;
    for (size_t i : rows_)
      for (double x : mean({i}, values())) all.push_back(x);
    return {tensor({int64(rows_.size()), int64(values().size())}, all)};
  }
  SampledGradient sampled_gradient(const Rng&) override {
    ++samples;
    return {{tensor({int64(values().size())}, sampled)}, 4};
  }
  const PrescribedDraws* prescribed_draws() const override { return draws.probe.empty() ? nullptr : &draws; }
  Values mean(const std::vector<size_t>& rows, const Values& x) const {
    Values g(x.size());
    for (size_t i : rows)
      for (size_t j = 0; j < x.size(); ++j) g[j] += a_[i][j] * (x[j] - c_[i][j]) / double(rows.size());
    return g;
  }
  Values values() const { return values_of(parameters_[0]->value); }
  void probe(const Values& z) { draws.probe = {tensor({int64(z.size())}, z)}; }

  PrescribedDraws draws;
  Values sampled;
  int gradients = 0, full_gradients = 0, products = 0, samples = 0;

 private:
  std::vector<Values> a_, c_;
  Parameters parameters_;
  std::vector<size_t> rows_;
};

const std::vector<Values> kA{{1, 2}, {3, 1}, {2, 2}}, kC{{1, 0}, {0, 2}, {-1, 1}};
const Values kStart{0.5, -1};

FiniteSum problem() { return {kA, kC, kStart}; }
// The weights after each step of one row a step.
std::vector<Values> one_row_a_step(const std::string& spec, int steps, FiniteSum f = problem()) {
  const OptimizerPtr optimizer = make_optimizer(spec, f.parameters());
  std::vector<Values> out;
  for (int t = 0; t < steps; ++t) {
    optimizer->step(f.on({size_t(t) % 3, size_t(t * t + 1) % 3}));
    out.push_back(f.values());
  }
  return out;
}
Values plus(const Values& a, double c, const Values& b) {
  Values out = a;
  for (size_t i = 0; i < a.size(); ++i) out[i] += c * b[i];
  return out;
}

}  // namespace

TEST_CASE("gsam, friendly-sam, looksam, wsam: special cases are SAM and SGD") {
  const std::string inner = "(sgd:lr=0.1,momentum=0.5)";
  const auto of = [&](const std::string& name, const std::string& options) {
    return one_row_a_step(name + inner + ":" + options, 6);
  };
  const auto sam = of("sam", "rho=0.3"), sgd = one_row_a_step("sgd:lr=0.1,momentum=0.5", 6);
  CHECK(distance(sam[0], sgd[0]) > 1e-3);
  check_same(of("gsam", "rho=0.3,alpha=0"), sam);
  check_same(of("gsam", "rho=0,alpha=0.7"), sgd);
  check_same(of("friendly-sam", "rho=0.3,sigma=0"), sam);
  check_same(of("friendly-sam", "rho=0"), sgd);
  check_same(of("looksam", "rho=0.3,k=1"), sam);
  check_same(of("looksam", "rho=0"), sgd);
  check_same(of("wsam", "rho=0.3,gamma=0"), sgd);
  check_same(of("wsam", "rho=0.3,gamma=0.5,decouple=false"), sam);
  // Around plain SGD the decoupled term is the coupled one; momentum tells them apart.
  check_same(one_row_a_step("wsam(sgd:lr=0.1):rho=0.3,gamma=0.8", 6),
             one_row_a_step("wsam(sgd:lr=0.1):rho=0.3,gamma=0.8,decouple=false", 6));
  CHECK(distance(of("wsam", "rho=0.3,gamma=0.8")[1], of("wsam", "rho=0.3,gamma=0.8,decouple=false")[1]) >
        1e-3);
}

TEST_CASE("gsam: one step by hand, its radius between rho_min and rho by the schedule") {
  for (const double scale : {1.0, 0.5, 0.0}) {
    FiniteSum f = problem();
    const Values g = f.mean({0}, kStart);  // (-0.5, -2)
    const double rho = 0.1 + (0.3 - 0.1) * scale;
    const Values s = f.mean({0}, plus(kStart, rho / length(g), g));
    const double c = inner(g, s) / (length(g) * length(s));
    // s - alpha*(g - c*|g|*s/|s|), lr*scale = 0.2*scale
    Values step = plus(s, -0.5, g);
    step = plus(step, 0.5 * c * length(g) / length(s), s);
    make_optimizer("gsam(sgd:lr=0.2):rho=0.3,rho_min=0.1,alpha=0.5", f.parameters())->step(f.on({0}), scale);
    CHECK(near(f.values(), plus(kStart, -0.2 * scale, step)));
  }
}

TEST_CASE("friendly-sam: the second ascent leaves out the mean of the gradients before, in its old state") {
  FiniteSum f = problem();
  const auto optimizer =
      make_optimizer("friendly-sam(sgd:lr=0.1):rho=0.3,sigma=0.5,lmbda=0.75", f.parameters());
  optimizer->step(f.on({0}));
  const Values g1 = f.mean({0}, kStart), w1 = f.values();
  CHECK(near(w1, plus(kStart, -0.1, f.mean({0}, plus(kStart, 0.3 / length(g1), g1)))));
  optimizer->step(f.on({1}));
  const Values g2 = f.mean({1}, w1), d2 = plus(g2, -0.5, g1), w2 = f.values();
  CHECK(near(w2, plus(w1, -0.1, f.mean({1}, plus(w1, 0.3 / length(d2), d2)))));
  optimizer->step(f.on({2}));
  const Values g3 = f.mean({2}, w2), m2 = plus(plus({0, 0}, 0.75, g1), 0.25, g2), d3 = plus(g3, -0.5, m2);
  CHECK(near(f.values(), plus(w2, -0.1, f.mean({2}, plus(w2, 0.3 / length(d3), d3)))));
}

TEST_CASE("looksam: between two ascents the remembered part is scaled to the gradient; one gradient a step") {
  FiniteSum f = problem();
  const auto optimizer = make_optimizer("looksam(sgd:lr=0.1):rho=0.3,k=3,alpha=0.4", f.parameters());
  optimizer->step(f.on({0}));
  CHECK(f.gradients == 2);
  const Values g1 = f.mean({0}, kStart), s = f.mean({0}, plus(kStart, 0.3 / length(g1), g1)), w1 = f.values();
  const Values v = plus(s, -inner(g1, s) / inner(g1, g1), g1);
  CHECK(near(w1, plus(kStart, -0.1, s)));
  CHECK(near(values_of(*optimizer->slot(*f.parameters()[0], "v")), v));
  optimizer->step(f.on({1}));
  CHECK(f.gradients == 3);
  const Values g2 = f.mean({1}, w1);
  CHECK(near(f.values(), plus(w1, -0.1, plus(g2, 0.4 * length(g2) / (length(v) + 1e-8), v))));
  optimizer->step(f.on({2}));
  CHECK(f.gradients == 4);
  optimizer->step(f.on({2}));
  CHECK(f.gradients == 6);
}

TEST_CASE("wsam: the decoupled term steps by the scheduled rate of the rule inside, whatever its momentum") {
  FiniteSum f = problem();
  const auto optimizer = make_optimizer("wsam(sgd:lr=0.1,momentum=0.9):rho=0.3,gamma=0.75", f.parameters());
  optimizer->step(f.on({0}));
  optimizer->step(f.on({1}), 0.5);
  const auto sharp = [&](size_t row, const Values& w) {
    const Values g = f.mean({row}, w);
    return plus(f.mean({row}, plus(w, 0.3 / length(g), g)), -1, g);
  };
  const Values g1 = f.mean({0}, kStart), w1 = plus(plus(kStart, -0.1, g1), -0.1 * 3, sharp(0, kStart));
  const Values v = plus(f.mean({1}, w1), 0.9, g1);
  CHECK(near(f.values(), plus(plus(w1, -0.05, v), -0.05 * 3, sharp(1, w1))));
}

TEST_CASE("bsam: one step by hand with a given draw") {
  FiniteSum f = problem();
  f.probe({2, -1});
  make_optimizer(
      "bsam:lr=0.2,beta1=0.9,beta2=0.75,rho=0.3,weight_decay=0.01,damping=0.1,num_data=25,s_init=4",
      f.parameters())
      ->step(f.on({1}), 0.5);
  const Values g = f.mean({1}, plus(kStart, 1 / std::sqrt(25.0 * 4), {2, -1}));
  const Values e = f.mean({1}, plus(kStart, 0.3 / 4, g));
  Values expected;
  for (size_t j = 0; j < 2; ++j) {
    const double m = 0.1 * (e[j] + 0.01 * kStart[j]), s = 0.75 * 4 + 0.25 * (2 * std::abs(g[j]) + 0.11);
    expected.push_back(kStart[j] - 0.1 * m / s);
  }
  CHECK(near(f.values(), expected));
}

TEST_CASE("adahessian: on a diagonal quadratic the curvature is exact; its power, decay and filters") {
  const Values a{1, 4};
  const auto step = [&](const std::string& options) {
    return Descent("adahessian:lr=0.1,eps=0.5" + options, diagonal_quadratic(a), {1, -2}).step();
  };
  // g = (1, -8); m/c1 = g and the root of v/c2 is |a|.
  CHECK(near(step(""), {1 - 0.1 * 1 / 1.5, -2 + 0.1 * 8 / 4.5}));
  CHECK(near(step(",hessian_power=0.5"), {1 - 0.1 * 1 / 1.5, -2 + 0.1 * 8 / 2.5}));
  CHECK(near(step(",weight_decay=0.3"), {1 - 0.1 * (1 / 1.5 + 0.3), -2 + 0.1 * (8 / 4.5 + 0.6)}));
  // A filter of 1x2: both weights have the mean curvature 2.5.
  const auto filter = [&](const std::string& options) {
    return Descent("adahessian:lr=0.1,eps=0.5" + options, diagonal_quadratic(a), {1, -2}, {1, 1, 1, 2})
        .step();
  };
  CHECK(near(filter(""), {1 - 0.1 * 1 / 3, -2 + 0.1 * 8 / 3}));
  CHECK(near(filter(",spatial_averaging=false"), step("")));
  // Negative curvature divides by its size.
  CHECK(near(Descent("adahessian:lr=0.1,eps=0.5", diagonal_quadratic({-1, 4}), {1, -2}).step()[0],
             1 + 0.1 / 1.5));
}

TEST_CASE("sophia: clipped to the sign where the curvature is small; estimates in steps 1, 1+k, ... alone") {
  FiniteSum f = problem();
  f.probe({2, 0.5});
  const auto h = make_optimizer(
      "sophia-h:lr=0.1,beta1=0.5,beta2=0.75,gamma=0.1,eps=1e-3,k=2,weight_decay=0.5", f.parameters());
  h->step(f.on({1}));
  // Row 1: g = 3*0.5, 1*(-1-2) = (1.5, -3), m = (0.75, -1.5); d = a*z^2 = (12, 0.25), h = d/4 = (3, 0.0625):
  // m/(0.1*h) = (2.5, -240): both are cut.
  CHECK(near(f.values(), {0.5 * 0.95 - 0.1, -0.95 + 0.1}));
  CHECK(f.products == 1);
  const Values w = f.values();
  h->step(f.on({0}), 0.5);
  CHECK(f.products == 1);
  const double m0 = 0.375 + 0.5 * (w[0] - 1);  // 0.375 + 0.5*(0.375 - 1)
  CHECK(std::abs(m0 / 0.3) < 1);
  CHECK(near(f.values()[0], w[0] * 0.975 - 0.05 * m0 / 0.3));
  h->step(f.on({0}));
  CHECK(f.products == 2);

  FiniteSum e = problem();
  e.sampled = {2, -0.1};
  const auto g = make_optimizer("sophia-g:lr=0.1,beta1=0.5,beta2=0.75,gamma=0.25,eps=0.3,k=3,weight_decay=0",
                                e.parameters());
  // d = 4*q^2 = (16, 0.04), h = (4, 0.01); gamma*h = (1, 0.0025): the second divisor is eps.
  g->step(e.on({2}));
  // Row 2: g = 2*(1.5), 2*(-2) = (3, -4), m = (1.5, -2): 1.5/1 and -2/0.3 are both cut.
  CHECK(near(e.values(), {0.4, -0.9}));
  for (const int drawn : {1, 1, 2}) {
    g->step(e.on({2}), 0.0);
    CHECK(e.samples == drawn);
  }
}

TEST_CASE("storm: the second step by hand; a = 1 is SGD, and so is a batch of all data with any a") {
  FiniteSum f = problem();
  const auto optimizer = make_optimizer("storm:lr=0.1,a=0.25", f.parameters());
  optimizer->step(f.on({0}));
  const Values w1 = f.values(), d1 = f.mean({0}, kStart);
  CHECK(near(w1, plus(kStart, -0.1, d1)));
  optimizer->step(f.on({1}), 0.5);
  const Values d2 = plus(f.mean({1}, w1), 0.75, minus(d1, f.mean({1}, kStart)));
  CHECK(near(f.values(), plus(w1, -0.05, d2)));
  check_same(one_row_a_step("storm:lr=0.1,a=1", 6), one_row_a_step("sgd:lr=0.1", 6));
  Descent storm("storm:lr=0.1,a=0.3", kBowl, {1, -2}), sgd("sgd:lr=0.1", kBowl, {1, -2});
  for (int t = 0; t < 5; ++t) CHECK(near(storm.step(), sgd.step()));
}

TEST_CASE("svrg, sarah: steps by hand; full gradients are asked for every few steps alone") {
  for (const bool recursive : {false, true}) {
    CAPTURE(recursive);
    FiniteSum f = problem();
    const auto optimizer =
        make_optimizer(recursive ? "sarah(sgd:lr=0.1):every=3" : "svrg(sgd:lr=0.1):every=3", f.parameters());
    const std::vector<size_t> all{0, 1, 2};
    const Values mu = f.mean(all, kStart);
    optimizer->step(f.on({0}));
    CHECK(near(f.values(), plus(kStart, -0.1, mu)));
    const Values w1 = f.values();
    optimizer->step(f.on({1}));
    const Values v2 = plus(minus(f.mean({1}, w1), f.mean({1}, kStart)), 1, mu), w2 = f.values();
    CHECK(near(w2, plus(w1, -0.1, v2)));
    optimizer->step(f.on({2}));
    const Values v3 = recursive ? plus(minus(f.mean({2}, w2), f.mean({2}, w1)), 1, v2)
                                : plus(minus(f.mean({2}, w2), f.mean({2}, kStart)), 1, mu);
    const Values w3 = f.values();
    CHECK(near(w3, plus(w2, -0.1, v3)));
    CHECK(f.full_gradients == 1);
    optimizer->step(f.on({0}));
    CHECK(near(f.values(), plus(w3, -0.1, f.mean(all, w3))));
    CHECK(f.full_gradients == 2);
  }
}

TEST_CASE("svrg, sarah: on batches of all data they are the rule inside, which may look around") {
  for (const std::string name : {"svrg", "sarah"})
    for (const std::string inside : {"sgd:lr=0.1,momentum=0.5", "sam(sgd:lr=0.1):rho=0.3"}) {
      CAPTURE(name);
      FiniteSum f = problem(), g = problem();
      const auto wrapped = make_optimizer(name + "(" + inside + "):every=3", f.parameters());
      const auto plain = make_optimizer(inside, g.parameters());
      for (int t = 0; t < 7; ++t) {
        wrapped->step(f.on({0, 1, 2}));
        plain->step(g.on({0, 1, 2}));
        CHECK(near(f.values(), g.values(), 1e-12, 1e-5));
      }
    }
}

TEST_CASE("sarah: a rule that looks around gets the corrected gradient there and leaves the memory alone") {
  FiniteSum f = problem();
  const auto optimizer = make_optimizer("sarah(sam(sgd:lr=0.1):rho=0.3):every=9", f.parameters());
  Values w = kStart, anchor = kStart, v = f.mean({0, 1, 2}, kStart);
  for (size_t t = 0; t < 3; ++t) {
    optimizer->step(f.on({t}));
    if (t > 0) v = plus(minus(f.mean({t}, w), f.mean({t}, anchor)), 1, v);
    anchor = w;
    const Values near_by = plus(w, 0.3 / std::sqrt(inner(v, v)), v);
    w = plus(w, -0.1, plus(minus(f.mean({t}, near_by), f.mean({t}, anchor)), 1, v));
    CAPTURE(t);
    CHECK(near(f.values(), w));
  }
}

TEST_CASE("dp-sgd: examples are clipped one by one, the noise is of the size of a clip over the batch") {
  FiniteSum f = problem();
  f.probe({1, -2});
  make_optimizer("dp-sgd(sgd:lr=0.1):clip=2.5,noise=0.5", f.parameters())->step(f.on({0, 1}));
  // Gradients (-0.5, -2), of length 2.06, and (1.5, -3), of length 3.354, which is cut to 2.5.
  const double cut = 2.5 / std::sqrt(11.25);
  const Values g{(-0.5 + cut * 1.5 + 1.25) / 2, (-2 - cut * 3 - 2.5) / 2};
  CHECK(near(f.values(), plus(kStart, -0.1, g)));
  check_same(one_row_a_step("dp-sgd(sgd:lr=0.1):clip=1e6,noise=0", 4), one_row_a_step("sgd:lr=0.1", 4));
}

TEST_CASE(
    "lbfgs: the first round is bounded, the second is Newton's along the line; evaluations are counted") {
  // 1/2*4*x^2 from 3: g = 12, a = 1/12: x = 2. Then y = -4, s = -1: H0 = 1/4, d = -2: x = 0.
  const Function1 bowl = diagonal_quadratic({4});
  CHECK(near(Descent("lbfgs:max_iter=1", bowl, {3}).step(), {2}));
  CHECK(near(Descent("lbfgs:max_iter=1,lr=0.5", bowl, {3}).step(), {2.5}));
  CHECK(near(Descent("lbfgs:max_iter=3", bowl, {3}).step(), {0}));
  CHECK(near(Descent("lbfgs:max_iter=2", bowl, {3}).step(),
             {2}));  // two evaluations are two rounds' five quarters
  CHECK(near(Descent("lbfgs:max_iter=1", bowl, {3}).step(2), {0}));
  CHECK(near(Descent("lbfgs:max_iter=1,lr=0.5", bowl, {3}).step(2, 0.5), {2.75 - 0.25 * 2.75}));
  // A gradient below 1 in size is not lengthened.
  CHECK(near(Descent("lbfgs:max_iter=1", diagonal_quadratic({0.1}), {3}).step(), {2.7}));
  const auto evaluations = [](const std::string& spec, const Values& start) {
    FiniteSum f({{1, 30}}, {{0, 0}}, start);
    make_optimizer(spec, f.parameters())->step(f.on({0}));
    return f.gradients;
  };
  CHECK(evaluations("lbfgs:max_iter=3", {1, 1}) == 3);
  CHECK(evaluations("lbfgs:max_iter=9,max_eval=4", {1, 1}) == 4);
  CHECK(evaluations("lbfgs:tolerance_grad=40", {1, 1}) == 1);
  CHECK(evaluations("lbfgs:tolerance_change=1", {1, 1}) == 2);
  // 1/2 x^2 from 1 with steps of 2: to -1 and back, where the loss is the same; the first time ends the step.
  CHECK(near(Descent("lbfgs:lr=2", diagonal_quadratic({1}), {1}).step(), {-1}));
}

TEST_CASE("lbfgs: with the Wolfe conditions it ends at the minimum of Rosenbrock's valley") {
  const Function1 valley = {
      [](const Values& x) { return std::pow(1 - x[0], 2) + 100 * std::pow(x[1] - x[0] * x[0], 2); },
      [](const Values& x) {
        const double r = x[1] - x[0] * x[0];
        return Values{-2 * (1 - x[0]) - 400 * x[0] * r, 200 * r};
      }};
  Descent wolfe("lbfgs:line_search=strong-wolfe,max_iter=60,tolerance_change=0", valley, {-1.2, 1});
  const Values end = wolfe.step(3);
  CAPTURE(end[0]);
  CAPTURE(end[1]);
  CHECK(near(end, {1, 1}, 1e-6, 2e-2));
  // The memory matters: one pair alone is elsewhere after as many rounds.
  CHECK(Descent("lbfgs:line_search=strong-wolfe,max_iter=8,history_size=1", valley, {-1.2, 1}).step() !=
        Descent("lbfgs:line_search=strong-wolfe,max_iter=8", valley, {-1.2, 1}).step());
}

TEST_CASE("lbfgs: the oldest pair is forgotten; a round to where the loss is not finite is undone") {
  // With a history of two, a run over three rounds is that of the two last pairs: H by its definition.
  FiniteSum f({{1, 9}}, {{0, 0}}, {2, 1});
  const auto optimizer = make_optimizer("lbfgs:max_iter=1,history_size=1,lr=0.3", f.parameters());
  std::vector<Values> w{f.values()}, g;
  for (int t = 0; t < 4; ++t) {
    g.push_back(f.mean({0}, f.values()));
    optimizer->step(f.on({0}));
    w.push_back(f.values());
  }
  const Values s = minus(w[3], w[2]), y = minus(g[3], g[2]);
  const double ys = inner(y, s), h0 = ys / inner(y, y), alpha = inner(s, g[3]) / ys;
  Values d = plus(g[3], -alpha, y);
  for (double& x : d) x *= h0;
  d = plus(d, alpha - inner(y, d) / ys, s);
  CHECK(near(w[4], plus(w[3], -0.3, d), 1e-9, 1e-5));

  // 1/2 x^2, and nothing beyond a wall: x = 8 -> 7.5, and then the memory's step to 0 is refused.
  double wall = 0;
  const Function1 bowl = {[&](const Values& x) { return x[0] < wall ? std::nan("") : 0.5 * x[0] * x[0]; },
                          [](const Values& x) { return Values{x[0]}; }};
  Descent descent("lbfgs:max_iter=3,max_eval=9,lr=0.5", bowl, {8});
  wall = 5;
  CHECK(near(descent.step(), {7.5}));
  // Anew from the gradient: a step of 1/7.5*0.5*7.5 again, and again the second is refused.
  CHECK(near(descent.step(), {7}));
}
