#include <set>

#include "adagrad.h"
#include "lab_test.h"

using lab::expect_equal;
using lab::expect_near;
using lab::hint;

LAB_TEST("1.1", 1, "mean") { expect_near(mean({1, 2, 6}), 3, "(1, 2, 6)"); }
LAB_TEST("1.2", 2, "standard deviation of a sample") {
  hint("n - 1, not n; 0 for a single number");
  expect_near(standard_deviation({1, 2, 6}), 2.6457513110645907, "(1, 2, 6)");
  expect_near(standard_deviation({4}), 0, "(4)");
}
LAB_TEST("1.3", 1, "differences, seed by seed") {
  expect_near(differences({3, 5}, {1, 7}), {2, -2}, "(3, 5) and (1, 7)");
}
LAB_TEST("1.4", 3, "bounds of a mean") {
  hint("n - 1 degrees of freedom, and the standard error s / sqrt(n)");
  const Bounds b = bounds({1, 2, 6});
  expect_near(
      {b.low, b.high},
      {3 - 2.920 * 2.6457513110645907 / std::sqrt(3.0), 3 + 2.920 * 2.6457513110645907 / std::sqrt(3.0)},
      "(1, 2, 6)");
}
LAB_TEST("1.5", 4, "verdicts") {
  hint("a lower loss of a is a gain: look at b - a, pair by pair");
  expect_equal(verdict({1.0, 1.1, 0.9}, {2.0, 2.1, 1.9}, 0), std::string("shown"),
               "a = (1, 1.1, 0.9), b = a + 1, margin 0");
  expect_equal(verdict({1.0, 1.1, 0.9}, {2.0, 2.1, 1.9}, 1.5), std::string("not shown"),
               "the same, margin 1.5");
  expect_equal(verdict({2.0, 2.1, 1.9}, {1.0, 1.1, 0.9}, 0), std::string("not shown"),
               "a and b exchanged, margin 0");
  expect_equal(verdict({1, 2, 3}, {1.5, 1.9, 3.3}, 0), std::string("within noise"),
               "a = (1, 2, 3), b = (1.5, 1.9, 3.3)");
  expect_equal(verdict({1, 5, 9}, {1.2, 5.3, 9.2}, 0), std::string("shown"),
               "a = (1, 5, 9), b = (1.2, 5.3, 9.2): seeds differ much, pairs do not");
}

LAB_TEST("2.1", 3, "combinations") {
  const auto all = combinations({{"lr", {1, 2}}, {"beta", {0.5, 0.9}}});
  expect_near(double(all.size()), 4, "2 x 2 values");
  std::vector<double> flat;
  for (const Settings& s : all) flat.push_back(s.at("beta")), flat.push_back(s.at("lr"));
  expect_near(flat, {0.5, 1, 0.5, 2, 0.9, 1, 0.9, 2}, "beta in (0.5, 0.9), lr in (1, 2): beta, lr by turns");
  expect_near(double(combinations({}).size()), 1, "an empty grid");
}
LAB_TEST("2.2", 1, "seeds of tuning and of final runs") {
  std::set<unsigned> tuning, final;
  for (size_t i = 0; i < 5; ++i) tuning.insert(seed_of(i, true)), final.insert(seed_of(i, false));
  for (const unsigned s : tuning)
    lab::expect(!final.count(s), "different seeds", "seed " + lab::show(int(s)));
  expect_near({double(seed_of(2, false)), double(seed_of(2, true))}, {2, 1002}, "index 2");
}
LAB_TEST("2.3", 2, "the best of losses") {
  hint("comparisons with NaN are false: a NaN that stands first must not win");
  expect_near(double(best_of({3, 1, 1, 2})), 1, "(3, 1, 1, 2)");
  expect_near(double(best_of({NAN, 5, INFINITY, 4})), 3, "(nan, 5, inf, 4)");
}
// An arm whose loss is known: (lr - 2)^2 on the validation split plus what the seed adds; what it was asked is noted.
struct Asked {
  std::vector<std::string> runs;
  Arm arm() {
    return {"known",
            [this](const Settings& s, unsigned seed, bool test) {
              runs.push_back((test ? "test " : "validation ") + std::to_string(seed));
              const double lr = s.at("lr");
              return test ? lr * 10 + seed : (lr - 2) * (lr - 2) + (seed == 1001 && lr == 2 ? 10 : 0);
            },
            {{"lr", {1, 2, 4}}}};
  }
};
LAB_TEST("2.4", 3, "tuning") {
  hint("the mean over the tuning seeds decides, on the validation split");
  Asked asked;
  expect_near(tune(asked.arm(), {2, 3}).at("lr"), 1,
              "validation losses (lr-2)^2, but 10 more for lr 2 on one of two seeds");
  expect_near(tune(asked.arm(), {1, 3}).at("lr"), 2, "the same with one tuning seed");
  for (const std::string& run : asked.runs)
    lab::expect(run.rfind("validation", 0) == 0, "no look at the test set", run);
}
LAB_TEST("2.5", 3, "an arm, tuned and run") {
  Asked asked;
  const ArmResult r = run_arm(asked.arm(), {1, 3});
  expect_near(r.test_losses, {20, 21, 22}, "test losses 10 lr + seed, lr 2 chosen, seeds 0, 1, 2");
  expect_near({double(r.trials), r.chosen.at("lr")}, {3, 2}, "three step sizes tried, 2 chosen");
  size_t tests = 0;
  for (const std::string& run : asked.runs) tests += run.rfind("test", 0) == 0;
  expect_near(double(tests), 3, "looks at the test set: one a final seed");
}
LAB_TEST("2.6", 1, "fairness") {
  const ArmResult a{"a", {}, 4, {1, 2}}, b{"b", {}, 4, {3, 4}}, c{"c", {}, 8, {3, 4}}, d{"d", {}, 4, {1}};
  lab::expect(fair({a, b}), "fair", "4 trials and 2 seeds each");
  lab::expect(!fair({a, c}), "not fair", "4 trials against 8");
  lab::expect(!fair({a, d}), "not fair", "2 seeds against 1");
}
LAB_TEST("2.7", 3, "the report") {
  const std::vector<ArmResult> results = {{"a", {{"beta", 0.9}, {"lr", 0.1}}, 4, {1, 1.2}},
                                          {"b", {{"lr", 2}}, 4, {2, 2.2}}};
  expect_equal(
      report("a is better", results, 0),
      std::string("# a is better\n\nVerdict: shown\n\n| arm | settings | test loss |\n|---|---|---|\n"
                  "| a | beta=0.9, lr=0.1 | 1.1000 ± 0.1414 |\n| b | lr=2 | 2.1000 ± 0.1414 |\n"),
      "two arms with two seeds each");
}

LAB_TEST("3.1", 1, "logit") {
  expect_near(logit({1, 2, 4, 8}, {0, 2}), 13, "w = (1, 2, 4), bias 8, words 0 and 2");
}
LAB_TEST("3.2", 3, "logistic loss, also far out") {
  hint("log(1 + e^s) = s + log(1 + e^-s)");
  expect_near({logistic_loss(2, 1), logistic_loss(2, 0)}, {0.1269280110429726, 2.1269280110429727},
              "z = 2, labels 1 and 0");
  expect_near({logistic_loss(-1000, 1), logistic_loss(1000, 1)}, {1000, 0}, "z = -1000 and 1000, label 1");
}
LAB_TEST("3.3", 2, "its slope") {
  expect_near({logistic_slope(2, 1), logistic_slope(2, 0)}, {-0.11920292202211769, 0.8807970779778823},
              "z = 2, labels 1 and 0");
}
LAB_TEST("3.4", 2, "a step of SGD") {
  std::vector<double> w = {1, 2, 3, 4};
  sgd_step(w, {1}, 0.5, 0.1);
  expect_near(w, {1, 1.95, 3, 3.95}, "w = (1, 2, 3), bias 4, word 1, slope 0.5, lr 0.1");
}
LAB_TEST("3.5", 4, "two steps of AdaGrad") {
  hint("sums grow first, then the step is divided by their root");
  std::vector<double> w = {1, 2, 4}, sums = {0, 0, 0};
  adagrad_step(w, sums, {1}, 0.5, 0.1);
  expect_near(w, {1, 1.9, 3.9}, "first step, word 1, slope 0.5: every step has length lr at first");
  adagrad_step(w, sums, {0}, -0.5, 0.1);
  expect_near(w, {1.1, 1.9, 3.9 + 0.1 / std::sqrt(2.0)},
              "second step, word 0, slope -0.5: the bias moves less");
  expect_near(sums, {0.25, 0.25, 0.5}, "sums of squares");
}
LAB_TEST("3.6", 2, "mean loss") {
  const Texts two{{{0}, {}}, {1, 0}};
  expect_near(loss_on({2, 0}, two), (0.1269280110429726 + std::log(2.0)) / 2,
              "logits 2 and 0, labels 1 and 0");
}
LAB_TEST("3.7", 4, "a run") {
  hint(
      "one pass, training texts of seed 100*seed+1; weights begin at 0; the test set only where it is "
      "allowed");
  expect_near(train_run(false, {{"lr", 0.1}}, 4, false), 0.5116401365, "sgd, lr 0.1, seed 4, validation",
              1e-7);
  expect_near(train_run(true, {{"lr", 0.3}}, 4, true), 0.4240731479, "adagrad, lr 0.3, seed 4, test", 1e-7);
}
LAB_TEST("3.8", 5, "the experiment: the claim shows") {
  hint("the same nine step sizes for both arms; adagrad first");
  const auto results = adagrad_experiment({3, 20});
  expect_near(double(results.size()), 2, "two arms");
  expect_equal(results[0].name + " " + results[1].name, std::string("adagrad sgd"), "their names");
  lab::expect(fair(results), "fair", "trials and seeds of both");
  expect_near({double(results[0].trials), double(results[0].test_losses.size())}, {9, 20},
              "nine trials, twenty seeds");
  for (const ArmResult& r : results)
    expect_near(r.chosen.at("lr"), 0.3, r.name + "'s step size, by three tuning seeds");
  expect_near(mean(differences(results[1].test_losses, results[0].test_losses)), 0.03063,
              "mean gain of adagrad on the test set", 1e-4);
  expect_equal(verdict(results[0].test_losses, results[1].test_losses, 0), std::string("shown"),
               "adagrad's test loss against that of sgd, twenty seeds");
}

LAB_MAIN
