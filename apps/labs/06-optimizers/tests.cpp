#include <map>

#include "around.h"
#include "lab_test.h"
#include "record.h"

using lab::expect_near;
using lab::hint;
using lab::show;

// Follows a recorded run with `rule(w, g, state, options, lr)`.
template <class Rule>
static void follow(const std::string& name, const Rule& rule) {
  std::map<std::string, State> states;
  lab::follow(
      name,
      [&](const std::string& key, Numbers& w, const Numbers& g, const lab::Options& o, long, double scale) {
        rule(w, g, states[key], o, o.get("lr", 1e-3) * scale);
      },
      [&](const std::string& key, const Numbers& w, const Numbers& expected, long t) {
        expect_near(w, expected,
                    "records/" + name + ", parameter " + key + " after step " + std::to_string(t));
      });
}
static AdamOptions adam_options(const lab::Options& o, double lr, double beta2 = 0.999) {
  return {lr, o.get("beta1", 0.9), o.get("beta2", beta2), o.get("eps", 1e-8), o.get("weight_decay", 0)};
}
static MomentumOptions momentum_options(const lab::Options& o, double lr) {
  return {lr, o.get("momentum", 0), o.get("dampening", 0), o.get("weight_decay", 0)};
}

LAB_TEST("1.1", 2, "plain SGD, one step by hand") {
  Numbers w = {1, 2};
  sgd(w, {0.5, -1}, 0.1);
  expect_near(w, {0.95, 2.1}, "w = (1, 2), g = (0.5, -1), lr 0.1");
}
LAB_TEST("1.1", 2, "plain SGD, the recorded run") {
  follow("sgd--plain.json",
         [](Numbers& w, const Numbers& g, State&, const lab::Options&, double lr) { sgd(w, g, lr); });
}
LAB_TEST("1.2", 3, "momentum, two steps by hand") {
  hint("the first step takes the whole gradient, whatever the dampening");
  Numbers w = {1};
  State s;
  const MomentumOptions o{0.1, 0.5, 0.2, 0};
  sgd_momentum(w, {1}, s, o);
  expect_near(w, {0.9}, "w = 1, g = 1, first step");
  sgd_momentum(w, {2}, s, o);
  expect_near(w, {0.9 - 0.1 * (0.5 * 1 + 0.8 * 2)}, "g = 2, second step, momentum 0.5, dampening 0.2");
}
LAB_TEST("1.2", 4, "momentum, the recorded run") {
  hint("decay is added to the gradient before the momentum sees it");
  follow("sgd.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    sgd_momentum(w, g, s, momentum_options(o, lr));
  });
}
LAB_TEST("1.3", 4, "Nesterov's form, the recorded run") {
  hint("the step is g + momentum * (new m), decay within g both times");
  follow("sgd--nesterov.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    sgd_nesterov(w, g, s, momentum_options(o, lr));
  });
}
LAB_TEST("1.4", 2, "the step size that momentum amounts to") {
  hint("m = momentum m + g has a fixed point");
  expect_near(equivalent_lr(0.1, 0.9), 1, "lr 0.1, momentum 0.9");
  expect_near(equivalent_lr(0.2, 0), 0.2, "lr 0.2, momentum 0");
}
LAB_TEST("2.1", 2, "a running mean") { expect_near(ema(2, 10, 0.75), 4, "m = 2, x = 10, beta 0.75"); }
LAB_TEST("2.2", 2, "its bias") {
  hint("the weights of t steps, (1 - beta) beta^k, add up to it");
  double m = 0;
  for (int t = 0; t < 3; ++t) m = 0.8 * m + 0.2 * 5;
  expect_near(bias_correction(0.8, 3), m / 5, "beta 0.8, three steps on x = 5");
  expect_near(bias_correction(0.999, 1), 0.001, "beta 0.999, one step");
}
LAB_TEST("2.3", 3, "Adam with its defaults, the recorded run") {
  hint("both means are divided by their factors, eps is added to the root, t begins at 1");
  follow("adam--defaults.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    adam(w, g, s, adam_options(o, lr));
  });
}
LAB_TEST("2.3", 3, "Adam with decay, the recorded run") {
  hint("decay goes into the gradient, so into both means");
  follow("adam.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    adam(w, g, s, adam_options(o, lr));
  });
}
LAB_TEST("2.4", 2, "Adam's first step") {
  hint("at t = 1 the means, divided by their factors, are g and g^2");
  AdamOptions o;
  o.lr = 0.01, o.eps = 0.5;
  expect_near(adam_first_step(1.5, o), -0.0075, "g = 1.5, lr 0.01, eps 0.5");
  expect_near(adam_first_step(-0.5, o), 0.005, "g = -0.5, lr 0.01, eps 0.5");
}
LAB_TEST("2.5", 2, "AdamW, decay alone") {
  Numbers w = {2};
  State s;
  AdamOptions o;
  o.lr = 0.1, o.weight_decay = 0.5;
  adamw(w, {0}, s, o);
  expect_near(w, {1.9}, "w = 2, g = 0, lr 0.1, decay 0.5");
}
LAB_TEST("2.5", 3, "AdamW, the recorded run") {
  hint("decay is taken off the weights and does not enter the means");
  follow("adamw.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    adamw(w, g, s, adam_options(o, lr));
  });
}
LAB_TEST("3.1", 5, "AdaBelief, the recorded run") {
  hint("(g - m)^2 with the new m; eps is added to v at every step, and again to the root");
  follow("adabelief.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    adabelief(w, g, s, adam_options(o, lr));
  });
}
LAB_TEST("3.2", 1, "sign") { expect_near({sign(3), sign(-0.1), sign(0)}, {1, -1, 0}, "3, -0.1 and 0"); }
LAB_TEST("3.3", 5, "Lion, the recorded run") {
  hint("beta1 for the step, beta2 for what is remembered; both from the old m");
  follow("lion.json", [](Numbers& w, const Numbers& g, State& s, const lab::Options& o, double lr) {
    lion(w, g, s, adam_options(o, lr, 0.99));
  });
}
LAB_TEST("4.1", 3, "cosine with warm-up") {
  hint("step counts from 0; the cosine goes over the steps that are left after the warm-up");
  expect_near(
      {cosine_with_warmup(0, 100, 10), cosine_with_warmup(9, 100, 10), cosine_with_warmup(10, 100, 10),
       cosine_with_warmup(55, 100, 10), cosine_with_warmup(100, 100, 10)},
      {0.1, 1, 1, 0.5, 0}, "steps 0, 9, 10, 55 and 100 of 100, warm-up 10");
  expect_near(cosine_with_warmup(25, 100, 0), 0.85355339059327373, "step 25 of 100, no warm-up");
}
LAB_TEST("4.2", 3, "clipping by the common norm") {
  hint("one norm over all gradients, not one each");
  std::vector<Numbers> g = {{3}, {0, 4}};
  expect_near(clip_norm(g, 1), 5, "gradients (3) and (0, 4): the norm");
  expect_near({g[0][0], g[1][0], g[1][1]}, {0.6, 0, 0.8}, "clipped to 1");
  clip_norm(g, 10);
  expect_near({g[0][0], g[1][0], g[1][1]}, {0.6, 0, 0.8}, "a second time, with 10: nothing to do");
}
LAB_TEST("4.3", 2, "which parameters decay") {
  expect_near({decay_of("conv1.weight", 0.1), decay_of("conv1.bias", 0.1), decay_of("norm2.weight", 0.1),
               decay_of("bias_net.weight", 0.1)},
              {0.1, 0, 0, 0.1}, "conv1.weight, conv1.bias, norm2.weight, bias_net.weight");
}
LAB_TEST("4.4", 4, "a whole descent") {
  hint("one State for the whole run; the base step size times the factor of each step");
  const Numbers short_run = descend_rosenbrock({-1, 1}, {0.1, 0.9, 0.999, 1e-8, 0}, 2, 0);
  expect_near(short_run, {-0.935066304, 0.9627931588}, "two steps from (-1, 1), lr 0.1, no warm-up", 1e-8);
  const Numbers end = descend_rosenbrock({-1.2, 1}, {0.05, 0.9, 0.999, 1e-8, 0}, 3000, 50);
  expect_near(end, {0.9769310117, 0.9543209447}, "3000 steps from (-1.2, 1), lr 0.05, warm-up 50", 1e-7);
}

LAB_MAIN
