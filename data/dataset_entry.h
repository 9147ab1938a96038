// A line of the table of data sets, from a function that opens one:
//
//   add_dataset(dataset_entry<SpiralOptions, open_spirals>("spirals", "arms of points", DataKind::kVectors));
#pragma once

#include "data/registry.h"

namespace gradus {

/// Adds to datasets(), at the beginning of a program, before the table is used. Throws UsageError for a name that is taken.
void add_dataset(const DatasetEntry& entry);

/// `open` makes the data of options O (a struct with visit); files are looked for in `places`.
template <class O, Data (*open)(const O& options, const DataPlaces& places)>
DatasetEntry dataset_entry(const char* name, const char* summary, DataKind kind, bool needs_files = false) {
  return {name,
          summary,
          kind,
          needs_files,
          describe_options<O>(),
          [](const DatasetEntry& entry, const OptionList& list, const DataPlaces& places) {
            O options;
            set_options(options, list, "data set " + entry.name);
            return open(options, places);
          },
          [](const DatasetEntry& entry, const OptionList& list) {
            O options;
            set_options(options, list, "data set " + entry.name);
          }};
}

}  // namespace gradus
