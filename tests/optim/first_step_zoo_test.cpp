// The first step of every rule of the third part, worked out by hand for one vector.
#include "optim/rules/zoo.h"
#include "tests/optim/closure.h"
#include "tests/optim/first_step.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

const double kZooSquare = inner(kGradient, kGradient), kZooRms = root_mean_square(kGradient);
const double kZooWeights = length(kW0), kZooLargest = 0.3;

// g with weight decay in it, and the largest step a rule takes by the loss 1 of the probe.
double with_l2(double w, double g) { return g + kWd * w; }
double zoo_square_with_l2() {
  double sum = 0;
  for (size_t i = 0; i < kW0.size(); ++i)
    sum += with_l2(kW0[i], kGradient[i]) * with_l2(kW0[i], kGradient[i]);
  return sum;
}
double zoo_softplus(double x, double beta) { return std::log(1 + std::exp(beta * x)) / beta; }

const auto kZooDescent = [](double, double g) { return -kLr * g; };
const auto kZooDecay = [](double w, double) { return -kLr * kWd * w; };
const auto kZooSign = [](double, double g) { return -kLr * sign_of(g); };
const auto kZooAdam = [](double, double g) { return -kLr * adam_ratio(g); };
const auto kZooAdamW = [](double w, double g) { return -kLr * (adam_ratio(g) + kWd * w); };
const auto kZooAdamL2 = [](double w, double g) { return -kLr * adam_ratio(with_l2(w, g)); };
const auto kZooEfficient = [](double, double g) { return -kLr * efficient_ratio(g, 0.999); };
const auto kZooL2 = [](double w, double g) { return -kLr * with_l2(w, g); };

FirstSteps zoo_momentum_steps() {
  return {
      {"aggmo", {{"", kZooDescent}, {"betas=0.5,weight_decay=0.1", kZooL2}}},
      {"qhm", {{"momentum=0.9,nu=0.5", [](double, double g) { return -kLr * 0.55 * g; }}}},
      {"accsgd",
       // beta = 0.049; the long step is 100/0.7 short ones
       {{"kappa=100,xi=10,small_const=0.7",
         [](double, double g) { return -kLr * (0.7 + 0.049 * 7) / 0.749 * g; }}}},
      {"pid", {{"dampening=0.5", [](double, double g) { return -kLr * 6 * g; }}}},
      {"sgdw",
       {{"weight_decay=0.1", kZooL2},
        {"weight_decay=0.1,momentum=0.9,nesterov=true",
         [](double w, double g) { return -kLr * (1.9 * g + kWd * w); }}}},
      {"pnm",
       {{"beta2=0.5,weight_decay=0.1",
         [](double w, double g) { return -kLr * (1.5 * 0.19 * g / std::sqrt(2.5) + kWd * w); }}}},
      {"demon-sgd", {{"total_steps=10", kZooDescent}, {"weight_decay=0.1", kZooL2}}},
      {"optimistic-gd", {{"alpha=0.5,beta=2", [](double, double g) { return -kLr * 0.5 * g; }}}},
      {"tam", {{"eps=0.01", [](double, double g) { return -kLr * (0.5 + kE) * g; }}}},
      {"msvag", {{"", kZooDescent}}},
      {"asgd", {{"lambd=0.5", [](double w, double g) { return -kLr * (0.5 * w + g); }}}},
      {"gravity",
       {{"alpha=0",
         [](double, double g) {
           const double b = 1.9 / 3, x = g * kZooLargest;
           return -kLr * (1 - b) * g / (1 + x * x);
         }}}},
      {"a2grad", {{"", [](double, double g) { return -g / 20; }}}},
      {"schedule-free-sgd",
       {{"weight_decay=0.1", kZooL2}, {"warmup_steps=4", [](double, double g) { return -kLr / 4 * g; }}}},
  };
}

FirstSteps zoo_sign_steps() {
  const auto decayed = [](double w, double g) { return -kLr * (sign_of(g) + kWd * w); };
  return {
      {"signsgd", {{"momentum=0.5,weight_decay=0.1", decayed}, {"", kZooSign}}},
      {"tiger", {{"weight_decay=0.1", decayed}}},
      {"focus", {{"weight_decay=0.1", decayed}}},
      {"rprop", {{"", kZooSign}, {"step_min=0.05", [](double, double g) { return -0.05 * sign_of(g); }}}},
      {"delta-bar-delta", {{"", kZooDescent}}},
  };
}

FirstSteps zoo_moment_steps() {
  return {
      {"yogi",
       {{"initial_accumulator_value=0,eps=0.01", kZooAdam},
        {"initial_accumulator_value=1,beta2=0.75,eps=0.01",
         [](double, double g) { return -kLr * g / (std::sqrt(4 - g * g) + kE); }},
        {"initial_accumulator_value=0,eps=0.01,bias_correction=false",
         [](double, double g) { return -kLr * 0.1 * g / (std::sqrt(0.001) * std::abs(g) + kE); }}}},
      {"adai",
       {{"", kZooDescent},
        {"dampening=0.5",
         [](double, double g) { return -kLr * std::pow(kZooSquare / 3 / (g * g), 0.25) * g; }}}},
      {"adapnm",
       {{"eps=0.01", [](double, double g) { return -kLr * 2 * 1.9 / std::sqrt(5) * adam_ratio(g); }}}},
      {"qhadam", {{"nu1=0.5,nu2=0.25,eps=0.01", kZooAdam}, {"weight_decay=0.1,eps=0.01", kZooAdamL2}}},
      {"demon-adam", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"laprop",
       {{"eps=0.01,weight_decay=0.1",
         [](double w, double g) { return (w - kLr * adam_ratio(g)) * (1 - kLr * kWd) - w; }}}},
      {"padam",
       {{"partial=0.5,eps=0.01", kZooEfficient},
        {"eps=0.01",
         [](double, double g) {
           return -kLr * std::sqrt(0.001) * g / std::sqrt(std::sqrt(0.001) * std::abs(g) + kE);
         }}}},
      {"ftml", {{"eps=0.01", kZooAdam}, {"eps=0.01,weight_decay=0.1", kZooAdamL2}}},
      {"exadam",
       {{"eps=0.01",
         [](double, double g) {
           const double v = 0.001 * g * g, m = 0.1 * g, d1 = 1 + v / (v + kE) * 0.999,
                        d2 = 1 + m * m / (m * m + kE) * 0.9;
           return -kLr * 11 * g * d1 / (std::sqrt(g * g * d2) + kE);
         }}}},
      {"fadam",
       {{"eps=0.01,weight_decay=0.1",
         [](double w, double g) {
           Values q = kW0;
           for (size_t i = 0; i < q.size(); ++i) q[i] /= std::abs(kGradient[i]) + kE * kZooRms;
           return -kLr * (0.1 * g + kWd * w / root_mean_square(q)) / (std::abs(g) + kE * kZooRms);
         }}}},
      {"ano", {{"eps=0.01", [](double, double g) { return -kLr * g / std::sqrt(g * g + kE); }}}},
      {"adanorm", {{"eps=0.01", kZooAdam}, {"eps=0.01,weight_decay=0.1", kZooAdamL2}}},
      {"adashift", {{"keep=1,weight_decay=0.1", [](double, double) { return 0.0; }}}},
      {"acprop", {{"weight_decay=0.1", kZooL2}}},
      {"stable-adamw", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"optimistic-adam", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"simplified-ademamix",
       {{"alpha=3,eps=0.01", [](double, double g) { return -kLr * 4 * adam_ratio(g); }}}},
      {"bcos",
       {{"eps=0.01", kZooAdamW},  // 3b^2 - 2b^3 + (1-b)^2 + 2b(1-b)^2 = 1
        {"mode=g,eps=0.01", kZooAdamW},
        {"mode=m,eps=0.01", kZooAdamW}}},
      {"aida",
       // g and 0.1*g are what the projections give: they differ by 0.9*g
       {{"eps=0.01",
         [](double, double g) { return -kLr * g / (std::sqrt((0.001 * 0.81 * g * g + kE) / 0.001) + kE); }}}},
      {"apollo-dqn",
       {{"", [](double, double g) { return -kLr * g / 0.01; }},
        {"rebound=belief,eps=0.01", [](double, double g) { return -kLr * g / (kZooLargest + kE); }}}},
      {"adamw-corrected", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"madgrad",
       {{"eps=0.01", [](double, double g) { return -0.1 * 0.02 * g / (std::cbrt(0.02 * g * g) + kE); }}}},
      {"sm3", {{"eps=0.01", [](double, double g) { return -kLr * 0.1 * g / std::sqrt(g * g + kE); }}}},
      {"vsgd",
       {{"ps=0.01,ghattg=3,eps=0.01",
         [](double, double g) {  // x = 0.02/0.0201, y = 0.06/0.0201
           return -kLr * (g / 4) / (std::sqrt(g * g / 16 + 0.015 / 0.0201) + kE);
         }}}},
      {"ftrl",
       {{"", kZooSign},
        {"beta=1,lambda1=0.05,lambda2=0.5",
         [](double w, double g) {
           const double z = g - std::abs(g) / kLr * w;
           return (0.05 * sign_of(z) - z) / ((1 + std::abs(g)) / kLr + 0.5) - w;
         }}}},
      {"kate",
       {{"eta=0.5,eps=0.01",
         [](double, double g) {
           const double b = g * g + kE;
           return -kLr * std::sqrt(0.5 * g * g + g * g / b) * g / b;
         }}}},
      {"adatam",
       {{"eps=0.01",
         [](double, double g) { return -kLr * (0.5 + kE) * g / (std::sqrt(0.001) * std::abs(g) + kE); }}}},
      {"smorms3",
       {{"eps=0.01",
         [](double, double g) {
           const double x = 0.25 * g * g / (0.5 * g * g + kE);
           return -std::min(kLr, x) * g / (std::sqrt(0.5) * std::abs(g) + kE);
         }}}},
      {"ada-sqrt", {{"eps=0.01", [](double, double g) { return -kLr * g / (g * g + kE); }}}},
      {"adams",
       {{"eps=0.01,weight_decay=0.1",
         [](double w, double g) { return -kLr * (adam_ratio(g) + kWd / kZooRms * w); }}}},
      {"avagrad", {{"weight_decay=0.1", kZooDecay}}},
      {"adam-mini", {{"eps=0.01", [](double, double g) { return -kLr * g / (kZooRms + kE); }}}},
      {"ranger", {{"weight_decay=0.1", kZooL2}}},
      {"schedule-free-adamw", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"schedule-free-radam",
       {{"weight_decay=0.1", [](double, double) { return 0.0; }},
        {"weight_decay=0.1,silent_sgd_phase=false", kZooL2}}},
      {"rmsprop-tf",
       {{"eps=0.01", [](double, double g) { return -kLr * g / std::sqrt(0.9 + 0.1 * g * g + kE); }}}},
      {"sparse-adam", {{"eps=0.01", kZooEfficient}}},
      {"adasmooth", {{"eps=0.01", [](double, double g) { return -kLr * g / std::sqrt(g * g / 4 + kE); }}}},
      {"ranger21",
       {{"agc_clip=0,normalize=false,softplus_beta=2,eps=0.01,weight_decay=0.1,norm_loss=0.1",
         [](double w, double g) {
           const double keep = 1 - kLr * kWd / kZooRms,
                        pull = 1 - 2 * kLr * 0.1 * (1 - 1 / (keep * kZooWeights + kE));
           return keep * pull * w - kLr * 2 * 1.9 * g / std::sqrt(5) / zoo_softplus(std::abs(g) + kE, 2) - w;
         }}}},
  };
}

FirstSteps zoo_scale_steps() {
  return {
      {"wngrad", {{"lr=0.5", [](double, double g) { return -0.5 / (1 + 0.25 * kZooSquare) * g; }}}},
      {"dog",
       {{"reps_rel=0.1,eps=0.01",
         [](double, double g) { return -kLr * 0.1 * (1 + kZooWeights) / std::sqrt(kE + kZooSquare) * g; }}}},
      {"dowg",
       {{"init_sq_dist=0.25,eps=0.01",
         [](double, double g) { return -kLr * 0.25 / (std::sqrt(0.25 * kZooSquare) + kE) * g; }}}},
      {"cocob", {{"", [](double, double g) { return -sign_of(g) / 100; }}}},
      {"alig",
       {{"weight_decay=0.1", kZooL2},  // the largest step
        {"lr=100,eps=0.01,weight_decay=0.1",
         [](double w, double g) {
           return -(1 + kWd / 2 * kZooWeights * kZooWeights) / (zoo_square_with_l2() + kE) * with_l2(w, g);
         }}}},
      {"polyak-sgd",
       {{"", kZooDescent},
        {"lr=100,f_star=0.5,eps=0.01", [](double, double g) { return -0.5 / (kZooSquare + kE) * g; }}}},
      {"eve", {{"eps=0.01,weight_decay=0.1", kZooAdamW}}},
      {"adamg",
       {{"eps=0.01",
         [](double, double g) { return -kLr * 0.01 * std::pow(0.001 * g * g, 0.24) * adam_ratio(g); }}}},
      {"dadapt-adan",
       {{"lr=1,d0=0.01,eps=0.01,weight_decay=0.1",
         [](double w, double g) {
           return (w - 0.01 * 0.02 * g / (0.1 * std::abs(g) + kE)) / (1 + 0.01 * kWd) - w;
         }}}},
      {"fromage",
       {{"",
         [](double w, double g) {
           return (w - kLr * g * kZooWeights / std::sqrt(kZooSquare)) / std::sqrt(1 + kLr * kLr) - w;
         }}}},
      {"nero", {{"", [](double, double g) { return -kLr * 3.5 / 3 * sign_of(g); }}}},
      {"amos",
       {{"eta=0.5,extra_l2=0.01",
         [](double w, double g) { return -(kLr * 0.5 * g / kZooRms + (kLr * kLr - 0.01) / 2 * w); }}}},
  };
}

}  // namespace

TEST_CASE("every rule of the third part: its first step is the one worked out by hand") {
  // In float weights of size 2 are rounded to 2e-7, before and after.
  check_first_steps(rules::momentum_rules(), zoo_momentum_steps(), 1e-6);
  check_first_steps(rules::sign_rules(), zoo_sign_steps(), 1e-6);
  check_first_steps(rules::moment_rules(), zoo_moment_steps(), 1e-6);
  check_first_steps(rules::scale_rules(), zoo_scale_steps(), 1e-6);
}
