// The first step of every baseline and adaptive rule, worked out by hand for one vector: with m = v = 0 and t = 1 each
// rule is a short formula of w, g and its options.
#include "tests/optim/first_step.h"

#include "optim/rules/rules.h"
#include "tests/optim/closure.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

const double kRms = root_mean_square(kW0), kNorm = length(kGradient);

// All with beta1 = 0.9 (mars: 0.95), beta2 = 0.999 unless named.
const FirstSteps& first_steps() {
  const auto still = [](double, double) { return 0.0; };
  const auto descent = [](double, double g) { return -kLr * g; };
  const auto plain_adam = [](double, double g) { return -kLr * adam_ratio(g); };
  const auto by_sign = [](double, double g) { return -kLr * sign_of(g); };
  const auto decoupled = [](double w, double g) { return -kLr * adam_ratio(g) - kLr * kWd * w; };
  const auto bounded = [](double, double g) {  // gamma = 1, final_lr = 0.1: between 0.05 and 0.2
    const double eta = kLr * std::sqrt(0.001) / 0.1 / (std::sqrt(0.001) * std::abs(g) + kE);
    return -std::clamp(eta, 0.05, 0.2) * 0.1 * g;
  };
  static const FirstSteps table = {
      {"sgd",
       {{"momentum=0.9", descent},
        {"weight_decay=0.1", [](double w, double g) { return -kLr * (g + kWd * w); }},
        {"weight_decay=0.1,decoupled=true,momentum=0.9,nesterov=true",
         [](double w, double g) { return -kLr * (1.9 * g + kWd * w); }},
        {"momentum=0.9,nesterov=true", [](double, double g) { return -kLr * 1.9 * g; }}}},
      {"rmsprop",
       {{"beta2=0.75,eps=0.01", [](double, double g) { return -kLr * g / (0.5 * std::abs(g) + kE); }}}},
      {"adagrad", {{"eps=0.01", plain_adam}}},
      {"adadelta",
       {{"eps=0.01", [](double, double g) { return -kLr * std::sqrt(kE / (0.1 * g * g + kE)) * g; }}}},
      {"adam",
       {{"eps=0.01", plain_adam},
        {"eps=0.01,weight_decay=0.1", [](double w, double g) { return -kLr * adam_ratio(g + kWd * w); }},
        {"eps=0.01,eps_inside_root=true", [](double, double g) { return -kLr * g / std::sqrt(g * g + kE); }},
        {"eps=0.01,bias_correction=false",
         [](double, double g) { return -kLr * 0.1 * g / (std::sqrt(0.001) * std::abs(g) + kE); }},
        // All three agree with their mean: times 3/(3 + 1).
        {"eps=0.01,cautious=true", [](double, double g) { return -kLr * 0.75 * adam_ratio(g); }}}},
      {"adamw", {{"eps=0.01,weight_decay=0.1", decoupled}}},
      {"amsgrad", {{"eps=0.01", plain_adam}}},
      {"adamax", {{"eps=0.01", plain_adam}}},
      {"nadam",
       {{"eps=0.01,momentum_decay=1",
         [](double, double g) {
           const double mu = 0.9 * (1 - 0.5 * 0.96), next = 0.9 * (1 - 0.5 * 0.96 * 0.96);
           return -kLr * (1 + next * 0.1 / (1 - mu * next)) * adam_ratio(g);
         }}}},
      {"adabound", {{"eps=0.01,gamma=1", bounded}}},
      {"amsbound", {{"eps=0.01,gamma=1", bounded}}},
      {"adaboundw",
       {{"eps=0.01,gamma=1,weight_decay=0.1", [=](double w, double g) { return bounded(w, g) - kWd * w; }}}},
      {"adabelief",
       {{"eps=0.01",
         [](double, double g) { return -kLr * g / (std::sqrt((0.001 * 0.81 * g * g + kE) / 0.001) + kE); }},
        {"rectify=true", descent},
        {"rectify=true,degenerated_to_sgd=false", still}}},
      {"adamomentum",
       {{"eps=1e-6",
         [](double, double g) { return -kLr * g / std::sqrt((0.001 * 0.01 * g * g + 1e-6) / 0.001); }}}},
      {"diffgrad",
       {{"eps=0.01",
         [](double, double g) { return -kLr * efficient_ratio(g, 0.999) / (1 + std::exp(-std::abs(g))); }}}},
      {"adamod",
       {{"eps=0.01,beta3=0.9", [](double, double g) { return -kLr * 0.1 * efficient_ratio(g, 0.999); }}}},
      {"radam", {{"weight_decay=0.1", still}, {"degenerated_to_sgd=true", descent}}},
      {"lion",
       {{"", by_sign},
        {"weight_decay=0.1", [](double w, double g) { return -kLr * (sign_of(g) + kWd * w); }}}},
      {"grams", {{"eps=0.01", [](double, double g) { return -kLr * efficient_ratio(g, 0.999); }}}},
      {"innaprop",
       {{"eps=0.01,beta=0.5,weight_decay=0", [](double, double g) { return -kLr * 0.5 * adam_ratio(g); }},
        {"eps=0.01,beta=0.5,weight_decay=0,form=momentum",
         // lr*(beta-lr)/(1-alpha*lr) + lr^2*(1-alpha*beta)/(1-alpha*lr), alpha = 0.1
         [](double, double g) { return -kLr * (0.49 + 0.01 * 0.95) / 0.999 * adam_ratio(g); }}}},
      {"inna", {{"alpha=0.5,beta=0.2", [](double, double g) { return -kLr * 0.2 * g; }}}},
      {"adamp", {{"eps=0.01,weight_decay=0.1", decoupled}}},  // vectors are not projected
      {"sgdp",
       {{"momentum=0.9,weight_decay=0.1", [](double w, double g) { return -kLr * (g + kWd / 0.1 * w); }}}},
      {"adopt", {{"decoupled=true,weight_decay=0.1", still}}},
      {"adan",
       {{"eps=0.01,weight_decay=0.1",
         [](double w, double g) { return (w - kLr * adam_ratio(g)) / (1 + kLr * kWd) - w; }}}},
      {"ademamix",
       {{"eps=0.01,beta3=0.9,alpha=3,weight_decay=0.1",
         [](double w, double g) { return -kLr * ((1 + 3 * 0.1) * adam_ratio(g) + kWd * w); }}}},
      {"adafactor",
       // u = g/|g| has root mean square 1: not clipped. eps2 is the floor of the scale.
       {{"", [](double, double g) { return -0.01 * kRms * sign_of(g); }},
        {"eps2=3", [](double, double g) { return -0.01 * 3 * sign_of(g); }}}},
      // u = g/sqrt(0.001*g^2) is clipped to root mean square 1; m = 0.1*u.
      {"came",
       {{"weight_decay=0.1", [](double w, double g) { return -kLr * (0.1 * sign_of(g) + kWd * w); }}}},
      {"novograd",
       {{"eps=0.01,weight_decay=0.1",
         [](double w, double g) { return -kLr * (g / (kNorm + kE) + kWd * w); }}}},
      {"swats", {{"eps=0.01", [](double, double g) { return -kLr * efficient_ratio(g, 0.999); }}}},
      {"opt-amsgrad", {{"eps=0.01", [](double, double g) { return -kLr * efficient_ratio(g, 0.99); }}}},
      {"adam-cm", {{"weight_decay=0.1", [](double w, double) { return -kLr * kWd * w; }}}},
      {"adam-c", {{"eps=0.01", plain_adam}}},
      {"sgd-c", {{"momentum=0.9", descent}}},
      {"rmsprop-c",
       {{"beta2=0.75,eps=0.01", [](double, double g) { return -kLr * g / (0.5 * std::abs(g) + kE); }}}},
      {"mars-adamw",
       {{"eps=0.01,optimize_1d=true", [](double, double g) { return -kLr * adam_ratio(1.475 * g); }},
        {"eps=0.01,lr_1d=0.01", decoupled}}},
      {"mars-lion",
       {{"optimize_1d=true,weight_decay=0.1",
         [](double w, double g) { return -kLr * (sign_of(g) + kWd * w); }}}},
      {"mars-shampoo", {{"eps=0.01,lr_1d=0.01", decoupled}}},
      {"adaptive-braking", {{"", descent}}},
  };
  return table;
}

}  // namespace

TEST_CASE("every adaptive rule: its first step is the one worked out by hand") {
  std::vector<OptimizerEntry> rules = rules::adaptive_rules();
  for (auto* baseline : {rules::sgd, rules::rmsprop, rules::adagrad, rules::adadelta})
    rules.push_back(baseline());
  check_first_steps(rules, first_steps(), 2e-7);
}
