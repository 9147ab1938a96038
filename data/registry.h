// The table of data sets, and the one way to open one: a specification such as "mnist:limit=1000".
#pragma once

#include <string>
#include <vector>

#include "core/options.h"
#include "data/dataset.h"

namespace gradus {

/// Where files are looked for, and what the caller would like where the specification says nothing.
struct DataPlaces {
  std::string data_dir;  ///< --data-dir; "": $GRADUS_DATA, then ./datasets
  int64 block = 64;      ///< text: window length T unless the specification names one
  /// What weights were trained on: its transforms are applied instead of being fitted anew (data/fitted.h).
  const DatasetInfo* fitted = nullptr;
  /// All of a set that `fitted` is not of, and that has no test part of its own, is the test set: it is to be scored.
  bool whole = false;
};

struct DatasetEntry {
  std::string name;
  std::string summary;
  DataKind kind;
  bool needs_files;
  std::vector<OptionInfo> options;
  Data (*open)(const DatasetEntry& entry, const OptionList& options, const DataPlaces& places);
  /// Throws UsageError for options it has not and values out of range.
  void (*check)(const DatasetEntry& entry, const OptionList& options);
  /// Those of its options that name files or folders.
  std::vector<std::string> paths = {};
};

/// All data sets, in the order of the help.
const std::vector<DatasetEntry>& datasets();
/// Throws UsageError naming the valid ones and the nearest.
const DatasetEntry& find_dataset(const std::string& name);
/// The entry that "NAME:key=value,..." names, without opening a file. Throws UsageError as open_data.
const DatasetEntry& check_data_spec(const std::string& spec);
/// Opens "NAME" or "NAME:key=value,...". Throws UsageError for an unknown name, option or value, DataError
/// for missing or bad files.
Data open_data(const std::string& spec, const DataPlaces& places = {});

}  // namespace gradus
