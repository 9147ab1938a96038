// OG+, OptDA+, AdaOptDA+.
// Paper: Hsieh, Antonakopoulos, Cevher, Mertikopoulos, "No-Regret Learning in Games with Noisy Feedback: Faster Rates and
//        Adaptivity via Learning Rate Separation", NeurIPS 2022, arXiv 2206.06015.
//   play X_{t+1/2} = X_t - gamma_t*g_{t-1};  X_{t+1} = X_t - eta_{t+1}*g_t (og+), X_1 - eta_{t+1}*(g_1 + ... + g_t) (optda+)
//   adaoptda+: gamma_t = (1 + lambda_{t-2})^(q-1/2), eta_t = (1 + lambda_{t-2} + mu_{t-2})^(-1/2)
// The claim: with noise that is a multiple of the gradient the larger step to the played point gives constant regret, and play
// converges, where equal steps diverge; the adaptive form does so without being told, and with additive noise its regret is at
// most of order sqrt(T).
// The problem is the paper's own: the planar game th*ph from (1,1); multiplicative: in each round 3*th*ph or -th*ph, with
// probability 1/2; additive: deviation 1/2. Regret of the first player against the unit ball. Under multiplicative noise steps are
// constant and eta is tuned, gamma = 10*eta (og: eta); under additive noise gamma_t = 0.3*t^-1/4 (og: 0.3*t^-1/2), eta_t = 0.3*t^-1/2.
// Tried before: an exponent of the additive regret below 1/2 was asked for, which a regret of order sqrt(T) cannot show: 0.490
// (0.419 to 0.562), within noise. Now the exponent may be 0.6, which tells sqrt(T) from T. Equal steps diverge the more slowly the
// smaller they are, so that their tuning ends at the lower end of any grid.
#include <cmath>

#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/landscape.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/methods/optimistic_play.h"
#include "optim/problems/games.h"

namespace gradus::paper_entries {
namespace {

struct StepsCase {
  double gamma = 0.1, eta = 0.1, gamma_power = 0, eta_power = 0;
  void visit(auto&& f) {
    f("gamma", gamma, "step to the played point", at_least(0));
    f("eta", eta, "step of the base point", positive());
    f("gamma_power", gamma_power, "gamma_t falls as t to minus this", at_least(0));
    f("eta_power", eta_power, "eta_t falls as t to minus this", at_least(0));
  }
};
struct AdaptiveCase {
  double q = 0.25;
  void visit(auto&& f) { f("q", q, "by how much gamma falls more slowly than eta", between(0, 0.25)); }
};

// All players from X_1 for T rounds of the feedback scale_t * V(X_{t+1/2}) + noise_t.
void play_rounds(const OptimisticOptions& options, const CaseValues& in, CaseValues& out) {
  const IntTensor& sizes = in.ints("player_sizes");
  const LinearGame game{
      doubles_of(in.tensor("M")), doubles_of(in.tensor("c")), {sizes.data(), sizes.data() + sizes.numel()}};
  const std::vector<double> start = doubles_of(in.tensor("X")), scale = doubles_of(in.tensor("scale")),
                            noise = doubles_of(in.tensor("noise"));
  const size_t d = start.size();
  const int64 rounds = in.tensor("scale").dim(0);
  std::vector<OptimisticPlayer> players;
  size_t at = 0;
  for (const int64 size : game.players) {
    if (size < 1 || at + static_cast<size_t>(size) > d)
      fail<DataError>("inputs.player_sizes: do not add up to {}", d);
    players.emplace_back(options, std::span(start).subspan(at, static_cast<size_t>(size)));
    at += static_cast<size_t>(size);
  }
  std::vector<real> played, base, gamma, eta;
  const auto append = [](std::vector<real>& to, const std::vector<double>& from) {
    for (double v : from) to.push_back(static_cast<real>(v));
  };
  for (const OptimisticPlayer& p : players) append(base, p.base());
  for (size_t t = 0; t < static_cast<size_t>(rounds); ++t) {
    std::vector<double> x;
    for (OptimisticPlayer& p : players) x.insert(x.end(), p.play().begin(), p.play().end());
    append(played, x);
    std::vector<double> g = game_operator(game, x);
    for (size_t i = 0; i < d; ++i) g[i] = scale[t * d + i] * g[i] + noise[t * d + i];
    size_t from = 0;
    for (OptimisticPlayer& p : players) {
      p.observe(std::span(g).subspan(from, p.base().size()));
      from += p.base().size();
      append(base, p.base());
      gamma.push_back(static_cast<real>(p.gamma()));
      eta.push_back(static_cast<real>(p.eta()));
    }
  }
  const int64 width = static_cast<int64>(d), count = static_cast<int64>(players.size());
  out.set("played", Tensor::from({rounds, width}, played));
  out.set("base", Tensor::from({rounds + 1, width}, base));
  if (options.method != "adaoptda+") return;
  out.set("gamma", Tensor::from({rounds, count}, gamma));
  out.set("eta", Tensor::from({rounds, count}, eta));
}

std::vector<CaseSlot> game_inputs() {
  return {{"M", "d,d"},
          {"c", "d"},
          {"player_sizes", "N", CaseType::kInt, "of the blocks of x"},
          {"X", "d", CaseType::kReal, "X_1"},
          {"scale", "T,d", CaseType::kReal, "multiplies the operator"},
          {"noise", "T,d", CaseType::kReal, "is added"}};
}

CaseFunction fixed_steps_function(const char* name, const char* summary,
                                  void (*call)(const StepsCase&, const CaseValues&, CaseValues&)) {
  return case_function<StepsCase>({name, summary, game_inputs(), {{"played", "T,d"}, {"base", "T+1,d"}}},
                                  call);
}

struct RadiusCase {
  double radius = 1;
  void visit(auto&& f) { f("radius", radius, "of the ball of actions compared with", positive()); }
};

std::vector<CaseFunction> game_functions() {
  return {
      fixed_steps_function("og-plus", "optimistic gradient with two step sizes",
                           [](const StepsCase& o, const CaseValues& in, CaseValues& out) {
                             play_rounds({"og+", o.gamma, o.eta, o.gamma_power, o.eta_power}, in, out);
                           }),
      fixed_steps_function("opt-da-plus", "optimistic dual averaging with two step sizes",
                           [](const StepsCase& o, const CaseValues& in, CaseValues& out) {
                             play_rounds({"optda+", o.gamma, o.eta, o.gamma_power, o.eta_power}, in, out);
                           }),
      case_function<AdaptiveCase>({"ada-opt-da-plus",
                                   "optimistic dual averaging whose players set their steps by what they see",
                                   game_inputs(),
                                   {{"played", "T,d"}, {"base", "T+1,d"}, {"gamma", "T,N"}, {"eta", "T,N"}}},
                                  [](const AdaptiveCase& o, const CaseValues& in, CaseValues& out) {
                                    play_rounds({.method = "adaoptda+", .q = o.q}, in, out);
                                  }),
      case_function<RadiusCase>(
          {"bilinear-regret",
           "regret of both players of th'A ph after each round",
           {{"A", "d1,d2"}, {"theta", "T,d1"}, {"phi", "T,d2"}},
           {{"regret_min", "T"}, {"regret_max", "T"}}},
          [](const RadiusCase& o, const CaseValues& in, CaseValues& out) {
            const Tensor& a = in.tensor("A");
            const std::vector<double> theta = doubles_of(in.tensor("theta")),
                                      phi = doubles_of(in.tensor("phi"));
            const size_t d1 = static_cast<size_t>(a.dim(0)), d2 = static_cast<size_t>(a.dim(1));
            BilinearRegret regret(doubles_of(a), a.dim(0), a.dim(1), o.radius);
            const int64 rounds = in.tensor("theta").dim(0);
            Tensor of_min({rounds}), of_max({rounds});
            for (int64 t = 0; t < rounds; ++t) {
              const size_t at = static_cast<size_t>(t);
              regret.play(std::span(theta).subspan(at * d1, d1), std::span(phi).subspan(at * d2, d2));
              of_min.mutable_data()[t] = static_cast<real>(regret.of_min());
              of_max.mutable_data()[t] = static_cast<real>(regret.of_max());
            }
            out.set("regret_min", of_min);
            out.set("regret_max", of_max);
          }),
  };
}

constexpr double kDiverged = 1e6;

// The planar game for T rounds. Metrics: NAME_final_error = ||X_T|| (kDiverged beyond that), NAME_regret_rise, from T/10 to T;
// curve NAME_regret: the largest so far, from round 100 on.
void play_planar(const Trial& trial, const std::string& name, bool additive, const OptimisticOptions& options,
                 Outcome& outcome) {
  const int64 rounds = trial.quick ? 400 : 50000;
  Rng rng = Rng(static_cast<std::uint64_t>(trial.seed)).fork(name);
  const LinearGame game = planar_bilinear_game();
  const double one = 1;
  OptimisticPlayer first(options, {&one, 1}), second(options, {&one, 1});
  BilinearRegret regret({1}, 1, 1);
  Curve& curve = outcome.curves[name + "_regret"];
  curve.x_label = "round";
  double most = 0, at_tenth = 0, next_record = 100;
  for (int64 t = 1; t <= rounds; ++t) {
    if (t % 1000 == 0) trial.checkpoint(static_cast<double>(t) / static_cast<double>(rounds));
    const double theta = first.play()[0], phi = second.play()[0];
    regret.play({&theta, 1}, {&phi, 1});
    std::vector<double> g = game_operator(game, std::vector{theta, phi});
    const double scale = additive ? 1 : rng.bernoulli(0.5) ? 3 : -1;
    for (double& v : g) v = scale * v + (additive ? 0.5 * rng.normal() : 0);
    first.observe({&g[0], 1});
    second.observe({&g[1], 1});
    most = std::max(most, regret.of_min());
    if (t == rounds / 10) at_tenth = regret.of_min();
    if (static_cast<double>(t) >= next_record) {
      curve.x.push_back(static_cast<double>(t));
      curve.y.push_back(most);
      next_record *= 1.25;
    }
    if (std::hypot(first.base()[0], second.base()[0]) > kDiverged) {
      outcome.metrics[name + "_final_error"] = kDiverged;
      outcome.metrics[name + "_regret_rise"] = kDiverged;
      return;
    }
  }
  outcome.metrics[name + "_final_error"] = std::hypot(first.base()[0], second.base()[0]);
  outcome.metrics[name + "_regret_rise"] = regret.of_min() - at_tenth;
}

Outcome play_games(const Trial& trial) {
  Outcome outcome;
  OptimisticOptions options{.method = trial.word("method")};
  if (options.method != "adaoptda+") {
    options.eta = trial.number("eta");
    options.gamma = trial.number("gamma_over_eta") * options.eta;
  }
  play_planar(trial, "multiplicative", false, options, outcome);
  if (options.method != "adaoptda+") {
    options.gamma_power = 0.25;
    options.eta_power = 0.5;
    options.eta = options.gamma = 0.3;
    if (trial.number("gamma_over_eta") == 1) options.gamma_power = 0.5;
  }
  play_planar(trial, "additive", true, options, outcome);
  return outcome;
}

void games_experiment(Experiment& e) {
  e.seeds(10);
  const std::vector<double> eta = {0.003, 0.01, 0.03, 0.1};
  e.arm("og").run(play_games, {{"method", "og+"}, {"gamma_over_eta", "1"}}).tune("eta", eta);
  e.arm("og+").run(play_games, {{"method", "og+"}, {"gamma_over_eta", "10"}}).tune("eta", eta);
  e.arm("optda+").run(play_games, {{"method", "optda+"}, {"gamma_over_eta", "10"}}).tune("eta", eta);
  e.arm("adaoptda+").run(play_games, {{"method", "adaoptda+"}}).untuned("has no step size");
  e.tune_for("multiplicative_final_error");
  for (const char* arm : {"og+", "optda+", "adaoptda+"}) {
    e.claim(fmt::format("{} converges under multiplicative noise", arm),
            at_most(arm, "multiplicative_final_error", 0.01));
    e.claim(fmt::format("{}'s regret there rises by less than 1 while T grows tenfold", arm),
            at_most(arm, "multiplicative_regret_rise", 1));
  }
  e.claim("equal steps end farther away than they started, at the best step size",
          at_least("og", "multiplicative_final_error", std::sqrt(2.0)));
  e.claim("AdaOptDA+'s regret under additive noise grows like sqrt(T): the exponent is below 0.6",
          rate_at_most("adaoptda+", "additive_regret", 0.6));
}

}  // namespace

Paper noregret_games() {
  return {
      .slug = "noregret-games",
      .family = "problems",
      .title =
          "No-Regret Learning in Games with Noisy Feedback: Faster Rates and Adaptivity via Learning Rate "
          "Separation",
      .authors = "Hsieh, Antonakopoulos, Cevher, et al.",
      .venue = "NeurIPS",
      .year = 2022,
      .arxiv = "2206.06015",
      .idea =
          "Optimistic gradient methods in games get two step sizes, the larger for the step to the point "
          "that is played. "
          "Claimed: constant regret where noise is a multiple of the gradient, also by players that set "
          "their steps "
          "themselves.",
      .equations =
          "X_{t+1/2} = X_t - gamma_t*g_{t-1}\n"
          "X_{t+1} = X_t - eta_{t+1}*g_t  (og+),  X_1 - eta_{t+1}*(g_1 + ... + g_t)  (optda+)\n"
          "gamma_t = (1 + lambda_{t-2})^(q-1/2),  eta_t = (1 + lambda_{t-2} + mu_{t-2})^(-1/2)  (adaoptda+)",
      .files = {"optim/methods/optimistic_play.cpp", "optim/problems/games.cpp"},
      .use = "OptimisticPlayer of optim/methods/optimistic_play.h",
      .functions = game_functions(),
      .experiment = games_experiment,
      .minutes = 1};
}

}  // namespace gradus::paper_entries
