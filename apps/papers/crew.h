// Who does the runs of an experiment: this process, one after the other, or several processes side by side.
#pragma once

#include <memory>
#include <vector>

#include "apps/papers/plan.h"
#include "apps/papers/run_once.h"
#include "apps/papers/store.h"

namespace gradus {

class Crew {
 public:
  virtual ~Crew() = default;
  /// Runs that can go on at the same time.
  virtual int slots() const = 0;
  /// Begins a run; there must be a free slot. `arm`: its index in the plan; `chosen`: what a final run was tuned to.
  virtual void start(const RunSpec& run, size_t arm, const OptionList& chosen) = 0;
  /// Waits for a run to end and returns those that did, which lie in the store now; asks `monitor`, with the shares done of
  /// the runs that go on, now and then. Throws Interrupted if it says stop, and what a run threw.
  using Monitor = std::function<bool(const std::vector<double>& shares)>;
  virtual std::vector<RunSpec> wait(const Monitor& monitor) = 0;
};

/// This process does the runs.
class OwnCrew : public Crew {
 public:
  /// `open`: how data sets are opened, if not as `gradus train` does.
  OwnCrew(const Plan& plan, const Store& store, DataShelf::Open open = {})
      : plan_(plan), store_(store), shelf_(std::move(open)) {}
  int slots() const override { return 1; }
  void start(const RunSpec& run, size_t arm, const OptionList& chosen) override;
  std::vector<RunSpec> wait(const Monitor& monitor) override;

 private:
  const Plan& plan_;
  const Store& store_;
  DataShelf shelf_;
  RunSpec run_;
  size_t arm_ = 0;
};

}  // namespace gradus
