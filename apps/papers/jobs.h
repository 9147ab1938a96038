// Runs side by side in processes of their own: this program again, which takes runs one a line on its standard input and
// answers on its standard output. A process keeps its data open from run to run. They die with the one that started them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "apps/papers/crew.h"

namespace gradus {

class Jobs : public Crew {
 public:
  /// Starts `count` processes of `command` (program and arguments). Throws DataError if the system does not let it.
  Jobs(int count, const std::vector<std::string>& command);
  /// Ends what still runs; finished runs are in the store.
  ~Jobs() override;
  int slots() const override { return static_cast<int>(workers_.size()); }
  void start(const RunSpec& run, size_t arm, const OptionList& chosen) override;
  std::vector<RunSpec> wait(const Monitor& monitor) override;

 private:
  struct Worker {
    pid_t process = -1;
    int to = -1, from = -1;
    std::string unread;
    bool busy = false;
    double share = 0;
    RunSpec run;
  };
  void spawn(const std::vector<std::string>& command);
  /// Reads what there is; true if the run is finished.
  bool read(Worker& worker);
  [[noreturn]] void lost(Worker& worker);
  std::vector<Worker> workers_;
};

/// The other side: does runs until its input ends. Returns the exit code.
int work_for_parent(const Plan& plan, const Store& store);
/// From here on this process ends when the one that started it does.
void die_with(int parent);

}  // namespace gradus
