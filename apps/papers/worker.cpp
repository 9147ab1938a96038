// A job's side of jobs.h.
#include <signal.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <chrono>
#include <cstdio>
#include <iostream>

#include "apps/papers/jobs.h"
#include "apps/train/interrupt.h"
#include "core/error.h"

namespace gradus {
namespace {

int parent_process = 0;

bool parent_is_gone() { return parent_process && ::getppid() != parent_process; }

void answer(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

// Reports the share done a few times a second.
class ShareReport {
 public:
  bool operator()(double share) {
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_) {
      answer(fmt::format("share {:.4f}", share));
      next_ = now + std::chrono::milliseconds(200);
    }
    return interrupted() || parent_is_gone();
  }

 private:
  std::chrono::steady_clock::time_point next_{};
};

void work(const Plan& plan, const Store& store, DataShelf& shelf, const nlohmann::json& task) {
  const auto arm = task.at("arm").get<size_t>();
  const auto trial = task.at("trial").get<int64>(), seed = task.at("seed").get<int64>();
  const RunSpec run = trial >= 0 ? plan.tuning_run(arm, static_cast<size_t>(trial), seed)
                                 : plan.final_run(arm, task.at("chosen").get<OptionList>(), seed);
  ShareReport report;
  store.save(run, run_once(run, *plan.arms().at(arm).arm, shelf, plan.options(), std::ref(report)));
}

std::string one_line(std::string text) {
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

}  // namespace

void die_with(int parent) {
  parent_process = parent;
#ifdef __linux__
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (parent_is_gone()) ::_exit(1);
}

int work_for_parent(const Plan& plan, const Store& store) {
  const InterruptScope signals;
  DataShelf shelf;
  for (std::string line; std::getline(std::cin, line) && !interrupted();) try {
      work(plan, store, shelf, nlohmann::json::parse(line));
      answer("done");
    } catch (const Interrupted&) {
      answer("error stopped");
    } catch (const UsageError& e) {
      answer("error usage " + one_line(e.what()));
    } catch (const DataError& e) {
      answer("error data " + one_line(e.what()));
    } catch (const std::exception& e) {
      answer("error other " + one_line(e.what()));
    }
  return 0;
}

}  // namespace gradus
