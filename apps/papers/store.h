// Finished runs on disk, one small JSON file each, so that an experiment that was killed goes on where it was. A file
// carries everything that decides the run and a sum of its outcome: what is damaged or of other settings is said and run
// again, never mixed in.
//   DIR/runs/<arm>/trial-2-seed-1000000000.json, final-seed-0.json
//   DIR/result.json   the record, when all is done
#pragma once

#include <functional>
#include <optional>

#include "apps/papers/plan.h"

namespace gradus {

class Store {
 public:
  /// `say` gets a line about every file that is passed over. Makes nothing yet.
  Store(std::string folder, std::function<void(const std::string&)> say);

  /// The outcome of the run if it is finished, with these very settings.
  std::optional<Outcome> load(const RunSpec& run) const;
  /// Whole or not at all. Throws DataError.
  void save(const RunSpec& run, const Outcome& outcome) const;
  /// Forgets all runs and the result; other files stay. Throws DataError.
  void clear() const;
  bool empty() const;

  void save_result(const Record& record) const;
  std::string result_path() const { return folder_ + "/result.json"; }
  std::string path_of(const RunSpec& run) const;

 private:
  std::string folder_;
  std::function<void(const std::string&)> say_;
};

}  // namespace gradus
