// How an experiment shows itself on stderr: a bar over all its runs on a terminal, else a line every few seconds.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "apps/cli/terminal.h"

namespace gradus {

class PaperProgress {
 public:
  /// Shows nothing if quiet.
  PaperProgress(bool quiet, std::string paper);
  ~PaperProgress();
  PaperProgress(const PaperProgress&) = delete;
  PaperProgress& operator=(const PaperProgress&) = delete;

  /// `slots`: runs at the same time.
  void begin(int64 total, int slots);
  /// One more run is finished, now or before.
  void finished(double seconds);
  /// What runs now, with the shares done.
  void running(const std::vector<std::string>& labels, const std::vector<double>& shares);
  /// A line that stays.
  void message(const std::string& text);

 private:
  std::string line(const std::vector<std::string>& labels, double done) const;
  void clear();

  using Clock = std::chrono::steady_clock;
  bool quiet_, shown_ = false;
  Terminal terminal_;
  std::string paper_;
  int64 total_ = 0, done_ = 0;
  int slots_ = 1;
  double seconds_ = 0;  // of finished runs
  Clock::time_point next_;
};

}  // namespace gradus
