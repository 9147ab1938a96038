// Adaptation to orientation by gains in a recurrent circuit.
// Paper: Duong, Bredenberg, Heeger, Simoncelli, "Adaptive Coding Efficiency in Recurrent Cortical Circuits via Gain Control", 2023,
//        arXiv 2305.19869.
//   r = (I - G W)^-1 G f;  L = E[||f - D r||^2 + alpha*||r||^2] + gamma*||g - 1||^2,  D = I - W
// The claims: when one orientation is shown more often, gains and peaks fall most there; neurons 12 to 36 degrees away shift their
// preference away from it, by more than half a degree, and not at all without recurrence; responses become more equal.
// Setting: 60 neurons, f_i(s) = exp(2(cos 2(s - th_i) - 1)), W = 0.9 times smooth excitation with rows of sum 1, alpha = 1, gamma = 5
// (without recurrence 0.3), 90 orientations, extra mass 0.35 of deviation 4 degrees at an adapter drawn by the seed. The exact
// gradient and the local rule are compared. Decorrelation, which the paper reports, is tiny in this reconstruction and left out.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "apps/papers/domain/gain_control_cases.h"
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "core/rng.h"
#include "optim/methods/gain_control.h"

namespace gradus::paper_entries {
namespace {

constexpr int64 kNeurons = 60, kStimuli = 90;
constexpr double kRecurrence = 0.9;

double doubled_cosine(double degrees) { return std::cos(degrees * std::numbers::pi / 90); }

// Signed distance of orientations, in (-90, 90].
double orientation_distance(double from, double to) {
  const double d = std::fmod(from - to + 540, 180);
  return d > 90 ? d - 180 : d;
}

GainProblem orientation_problem(double strength, const Tensor& weights) {
  GainProblem problem{Tensor({kNeurons, kNeurons}), Tensor({kStimuli, kNeurons}), weights};
  for (int64 i = 0; i < kNeurons; ++i) {
    const auto excitation = [&](int64 j) {
      return std::exp(6 * (doubled_cosine(180.0 / kNeurons * static_cast<double>(i - j)) - 1));
    };
    double total = 0;
    for (int64 j = 0; j < kNeurons; ++j) total += excitation(j);
    for (int64 j = 0; j < kNeurons; ++j)
      problem.W.mutable_data()[i * kNeurons + j] = static_cast<real>(strength * excitation(j) / total);
    for (int64 s = 0; s < kStimuli; ++s)
      problem.drive.mutable_data()[s * kNeurons + i] =
          static_cast<real>(std::exp(2 * (doubled_cosine(180.0 / kStimuli * static_cast<double>(s) -
                                                         180.0 / kNeurons * static_cast<double>(i)) -
                                          1)));
  }
  return problem;
}

Tensor stimulus_law(double adapter, double extra) {
  Tensor weights({kStimuli});
  double total = 0;
  const auto bump = [&](int64 s) {
    const double d = orientation_distance(180.0 / kStimuli * static_cast<double>(s), adapter) / 4;
    return std::exp(-d * d / 2);
  };
  for (int64 s = 0; s < kStimuli; ++s) total += bump(s);
  for (int64 s = 0; s < kStimuli; ++s)
    weights.mutable_data()[s] = static_cast<real>((1 - extra) / kStimuli + extra * bump(s) / total);
  return weights;
}

Outcome adapt_circuit(const Trial& trial) {
  const int64 chosen = Rng(static_cast<std::uint64_t>(trial.seed)).fork("adapter").below(kNeurons);
  const double adapter = 180.0 / kNeurons * static_cast<double>(chosen);
  const double strength = trial.word("recurrent") == "true" ? kRecurrence : 0;
  GainDescentOptions o;
  o.gamma = trial.word("recurrent") == "true" ? 5 : 0.3;
  o.lr = 0.01;
  o.steps = trial.quick ? 20 : 1500;
  LocalGainOptions local;
  local.gamma = o.gamma;
  local.steps = 200;
  Outcome outcome;
  OrientationTuning tuning[2];
  Tensor gains[2];
  Tensor stimuli({kStimuli});
  for (int64 s = 0; s < kStimuli; ++s)
    stimuli.mutable_data()[s] = static_cast<real>(180.0 / kStimuli * static_cast<double>(s));
  const Tensor ones = Tensor::ones({kNeurons}), adapted_law = stimulus_law(adapter, 0.35);
  for (int which = 0; which < 2; ++which) {
    const GainProblem problem = orientation_problem(strength, which ? adapted_law : stimulus_law(adapter, 0));
    const DescendedGains exact = descend_gains(problem, local_gains(problem, ones, local).g, o);
    gains[which] = exact.g;
    tuning[which] = orientation_tuning(circuit_steady_state(problem.W, problem.drive, exact.g).r, stimuli);
    if (which) {
      outcome.metrics["local_over_exact_loss"] = exact.losses.front() / exact.losses.back();
      outcome.metrics["unadapted_over_exact_loss"] =
          gain_objective(problem, gains[0], o).loss / exact.losses.back();
    }
    trial.checkpoint(0.5 * (which + 1));
  }
  // Mean responses under the adapted law: how much more the adapter's neuron fires than one 90 degrees away.
  const auto inequality = [&](const Tensor& g) {
    const GainProblem problem = orientation_problem(strength, adapted_law);
    const Tensor r = circuit_steady_state(problem.W, problem.drive, g).r;
    const int64 far = (chosen + kNeurons / 2) % kNeurons;
    double near_sum = 0, far_sum = 0;
    for (int64 s = 0; s < kStimuli; ++s) {
      const double p = static_cast<double>(adapted_law.data()[s]);
      near_sum += p * static_cast<double>(r.data()[s * kNeurons + chosen]);
      far_sum += p * static_cast<double>(r.data()[s * kNeurons + far]);
    }
    return near_sum / far_sum;
  };
  const auto ratio = [&](const Tensor& after, const Tensor& before, int64 i) {
    return static_cast<double>(after.data()[i] / before.data()[i]);
  };
  const int64 far = (chosen + kNeurons / 2) % kNeurons;
  outcome.metrics["gain_at_adapter_over_far"] =
      static_cast<double>(gains[1].data()[chosen] / gains[1].data()[far]);
  outcome.metrics["peak_at_adapter_after_over_before"] = ratio(tuning[1].peak, tuning[0].peak, chosen);
  outcome.metrics["inequality_after_over_before"] = inequality(gains[1]) / inequality(gains[0]);
  double least = 180, most = 0;
  for (const int64 offset : {4, 8, 12, -4, -8, -12}) {  // 12, 24, 36 degrees
    const int64 i = (chosen + offset + kNeurons) % kNeurons;
    const double shift = orientation_distance(static_cast<double>(tuning[1].preferred.data()[i]),
                                              static_cast<double>(tuning[0].preferred.data()[i]));
    const double away = offset > 0 ? shift : -shift;
    least = std::min(least, away);
    most = std::max(most, std::abs(shift));
  }
  outcome.metrics["least_shift_away"] = least;
  outcome.metrics["largest_shift"] = most;
  return outcome;
}

void gain_control_experiment(Experiment& e) {
  e.arm("recurrent").run(adapt_circuit, {{"recurrent", "true"}});
  e.arm("independent").run(adapt_circuit, {{"recurrent", "false"}});
  e.claim("gains fall most at the adapter", at_most("recurrent", "gain_at_adapter_over_far", 0.95));
  e.claim("so does the peak there", at_most("recurrent", "peak_at_adapter_after_over_before", 0.95));
  e.claim("neurons 12 to 36 degrees away shift by more than half a degree away from it",
          at_least("recurrent", "least_shift_away", 0.5));
  e.claim("without recurrence nothing shifts", at_most("independent", "largest_shift", 0.01));
  e.claim("responses to the adapted stimuli become more equal",
          at_most("recurrent", "inequality_after_over_before", 0.95));
  e.claim("the local rule is not the optimum with recurrence",
          at_least("recurrent", "local_over_exact_loss", 1.01).reported_only());
}

}  // namespace

Paper gain_control() {
  return {
      .slug = "gain-control",
      .family = "domain",
      .title = "Adaptive Coding Efficiency in Recurrent Cortical Circuits via Gain Control",
      .authors = "Duong, Bredenberg, Heeger, et al.",
      .venue = "arXiv",
      .year = 2023,
      .arxiv = "2305.19869",
      .idea =
          "Synapses stay fixed; one gain a neuron is chosen for what is shown, by fidelity, activity and a "
          "pull to "
          "1. "
          "Claimed: the recurrent network makes all effects of adaptation out of that, repulsion among them.",
      .equations =
          "r = (I - G W)^-1 G f,  u = f + W r\n"
          "L = sum_s p_s (||f - D r||^2 + alpha*||r||^2) + gamma*||g - 1||^2\n"
          "(I - G W)' lam = D'(D r - f) + alpha*r;  dL/dg_i = 2 sum_s p_s lam_i u_i + 2*gamma*(g_i - 1)",
      .files = {"optim/methods/gain_control.cpp"},
      .use = "descend_gains, local_gains of optim/methods/gain_control.h",
      .functions = gain_control_functions(),
      .experiment = gain_control_experiment,
      .minutes = 1};
}

}  // namespace gradus::paper_entries
