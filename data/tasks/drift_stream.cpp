#include "data/tasks/drift_stream.h"

#include "core/error.h"
#include "data/tasks/task_stream.h"

namespace gradus {

double drift_level(const DriftOptions& o, int64 b) {
  if (b < 0 || b >= o.batches) fail<UsageError>("drift: batch {} of {}", b, o.batches);
  if (o.pattern == "abrupt") return 2 * b >= o.batches ? 1 : 0;
  if (o.pattern == "recurring") return b * o.periods / o.batches % 2 == 1 ? 1 : 0;
  return o.batches > 1 ? static_cast<double>(b) / static_cast<double>(o.batches - 1) : 0;
}

Tensor drifted_images(const DriftOptions& o, const Tensor& x, int64 stream, int64 b, real outside,
                      const Rng& rng) {
  const double level = drift_level(o, b);
  const bool turned = o.change == "turned" || (o.change == "alternating" && stream % 2 == 0);
  if (turned) return turned_images(x, o.degrees * level, outside);
  Rng own = rng.fork("drift").fork(static_cast<std::uint64_t>(stream)).fork(static_cast<std::uint64_t>(b));
  return noisy_images(x, o.sigma * level, 1 - o.fade * level, own);
}

const std::vector<DriftEntry>& drift_patterns() {
  static const std::vector<DriftEntry> table = {
      {"abrupt", "all of the drift from the middle of the stream on", describe_options<DriftOptions>()},
      {"gradual", "a drift that grows evenly", describe_options<DriftOptions>()},
      {"recurring", "a drift that comes and goes", describe_options<DriftOptions>()}};
  return table;
}

DriftOptions parse_drift(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("drift {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const DriftEntry& entry : drift_patterns()) {
    if (entry.name == spec.name) {
      DriftOptions options;
      options.pattern = spec.name;
      set_options(options, spec.options, "drift " + spec.name);
      return options;
    }
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("drift", spec.name, names));
}

}  // namespace gradus
