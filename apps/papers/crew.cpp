#include "apps/papers/crew.h"

namespace gradus {

void OwnCrew::start(const RunSpec& run, size_t arm, const OptionList&) {
  run_ = run;
  arm_ = arm;
}

std::vector<RunSpec> OwnCrew::wait(const Monitor& monitor) {
  const Outcome outcome = run_once(run_, *plan_.arms()[arm_].arm, shelf_, plan_.options(),
                                   [&](double share) { return monitor({share}); });
  store_.save(run_, outcome);
  return {run_};
}

}  // namespace gradus
