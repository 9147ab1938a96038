// Finding the files of a data set.
#pragma once

#include <string>
#include <vector>

#include "data/registry.h"

namespace gradus {

/// The folders that are searched for the set `name`, in order: NAME below --data-dir and --data-dir itself;
/// if it is not given, NAME below $GRADUS_DATA and below ./datasets.
std::vector<std::string> data_folders(const std::string& name, const DataPlaces& places);
/// The path of `file`, or of `file`.gz, in the first folder that has it. Throws DataError naming the folders
/// and the ways out.
std::string find_data_file(const std::string& name, const std::string& file, const DataPlaces& places);

}  // namespace gradus
