// Finding the files of a data set.
#pragma once

#include <string>
#include <vector>

#include "data/registry.h"

namespace gradus {

/// Where data sets live: --data-dir; if it is not given, $GRADUS_DATA and ./datasets.
std::vector<std::string> data_roots(const DataPlaces& places);
/// The folders that are searched for the set `name`, in order: NAME below each root, and --data-dir itself.
std::vector<std::string> data_folders(const std::string& name, const DataPlaces& places);
/// The path of `file`, or of `file`.gz, in the first folder that has it. Throws DataError naming the folders
/// and the ways out.
std::string find_data_file(const std::string& name, const std::string& file, const DataPlaces& places);

}  // namespace gradus
