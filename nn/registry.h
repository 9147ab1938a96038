// The models that can be named on a command line.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "core/options.h"
#include "nn/model.h"

namespace gradus {

/// One line of the table.
struct ModelEntry {
  const char* name;
  const char* summary;
  Task task;
  /// Options with default, range and meaning.
  std::vector<OptionInfo> (*options)();
  /// Builds with the options; first values are not drawn yet.
  std::unique_ptr<Model> (*build)(const OptionList& options, const DataShape& data, const std::string& name);
  /// Throws UsageError for options it has not and values out of range.
  void (*check)(const OptionList& options, const std::string& name);
  /// Options and data of a network small enough for finite differences.
  const char* tiny;
  DataShape tiny_data;
  /// The file to read: "nn/models/lenet.h".
  std::string_view source;
};
std::span<const ModelEntry> models();
/// Throws UsageError naming the valid ones and the nearest.
const ModelEntry& model_entry(const std::string& name);

/// The entry that "mlp:hidden=256-128" names. Throws UsageError for unknown names, options and values.
const ModelEntry& check_model_spec(const std::string& spec);

/// Builds "mlp:hidden=256-128,act=relu" for data of the given sizes and draws its parameters from
/// rng.fork("init"); the generator of its dropout is rng.fork("dropout"). Throws UsageError for unknown
/// names, options and values, and for data the model cannot take.
std::unique_ptr<Model> make_model(const std::string& spec, const DataShape& data, const Rng& rng);

}  // namespace gradus
