// How a run shows itself on stderr: a bar on a terminal, else a line every few seconds.
#pragma once

#include <chrono>
#include <string>

#include "apps/cli/terminal.h"
#include "apps/train/run_dir.h"

namespace gradus {

class Progress {
 public:
  /// Where a run is.
  struct Now {
    int64 step = 0;
    double epoch = 0;
    double loss = 0, accuracy = 0;  ///< means of this epoch so far
    double lr = 0;
    int64 examples = 0;  ///< trained on in this process
    double seconds = 0;  ///< spent on them
  };

  /// Shows nothing if quiet. `first_step`: where this process began; `unit`: what is counted as steps.
  Progress(bool quiet, int64 total_steps, double total_epochs, int64 first_step, const char* unit = "step");
  /// For loops of other units, which show() themselves.
  explicit Progress(bool quiet) : Progress(quiet, 0, 0, 0) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void step(const Now& now);
  /// The same for other units: on a terminal a bar `share` full between `head` and `tail`, else `line` every few seconds.
  void show(const std::string& head, const std::string& tail, double share, const std::string& line);
  void evaluating();
  /// A finished row of the metrics: a line that stays.
  void row(const MetricsRow& row);
  /// A line that stays.
  void message(const std::string& text);
  /// Takes the bar away, so that other lines can stand; it comes back with the next show().
  void clear();

 private:
  std::string bar(const std::string& head, const std::string& tail, double share) const;
  std::string line(const Now& now) const;

  using Clock = std::chrono::steady_clock;
  bool quiet_;
  Terminal terminal_;
  int64 total_, first_;
  double epochs_;
  const char* unit_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace gradus
