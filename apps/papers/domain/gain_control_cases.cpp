#include "apps/papers/domain/gain_control_cases.h"

#include "apps/papers/landscape.h"
#include "optim/methods/gain_control.h"

namespace gradus {
namespace gain_control_cases {

std::vector<CaseSlot> problem_slots() {
  return {{"W", "N,N"}, {"drive", "S,N"}, {"weights", "S", CaseType::kReal, "sum to 1"}, {"g", "N"}};
}

GainProblem problem_of(const CaseValues& in) {
  return {in.tensor("W"), in.tensor("drive"), in.tensor("weights")};
}

CaseFunction steady_state() {
  return case_function<NoOptions>({"steady-state",
                                   "responses and total inputs for every stimulus",
                                   {{"W", "N,N"}, {"drive", "S,N"}, {"g", "N"}},
                                   {{"r", "S,N"}, {"u", "S,N"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    const CircuitState state = circuit_steady_state(
                                        in.tensor("W"), in.tensor("drive"), in.tensor("g"));
                                    out.set("r", state.r);
                                    out.set("u", state.u);
                                  });
}

CaseFunction objective() {
  return case_function<GainObjectiveOptions>(
      {"objective-gradient",
       "the objective and its exact gradient by the gains",
       problem_slots(),
       {{"loss", ""}, {"grad_g", "N"}}},
      [](const GainObjectiveOptions& o, const CaseValues& in, CaseValues& out) {
        const GainObjective at = gain_objective(problem_of(in), in.tensor("g"), o);
        out.set("loss", at.loss);
        out.set("grad_g", at.grad_g);
      });
}

CaseFunction descent() {
  return case_function<GainDescentOptions>(
      {"gain-descent",
       "projected gradient descent of the gains",
       problem_slots(),
       {{"g", "N"}, {"losses", "steps+1"}}},
      [](const GainDescentOptions& o, const CaseValues& in, CaseValues& out) {
        const DescendedGains after = descend_gains(problem_of(in), in.tensor("g"), o);
        out.set("g", after.g);
        out.set("losses", tensor_of(after.losses));
      });
}

CaseFunction fixed_point() {
  return case_function<LocalGainOptions>(
      {"fixed-point-gains",
       "gains by the local rule, and the input power last used",
       problem_slots(),
       {{"g", "N"}, {"input_power", "N"}}},
      [](const LocalGainOptions& o, const CaseValues& in, CaseValues& out) {
        const LocalGains after = local_gains(problem_of(in), in.tensor("g"), o);
        out.set("g", after.g);
        out.set("input_power", after.input_power);
      });
}

CaseFunction tuning() {
  return case_function<NoOptions>({"orientation-tuning",
                                   "preferred orientation, peak and selectivity of each neuron",
                                   {{"responses", "S,N"}, {"stimuli", "S", CaseType::kReal, "degrees"}},
                                   {{"preferred", "N"}, {"peak", "N"}, {"selectivity", "N"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    const OrientationTuning t =
                                        orientation_tuning(in.tensor("responses"), in.tensor("stimuli"));
                                    out.set("preferred", t.preferred);
                                    out.set("peak", t.peak);
                                    out.set("selectivity", t.selectivity);
                                  });
}

}  // namespace gain_control_cases

std::vector<CaseFunction> gain_control_functions() {
  using namespace gain_control_cases;
  return {steady_state(), objective(), descent(), fixed_point(), tuning()};
}

}  // namespace gradus
