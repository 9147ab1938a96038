// What a smoke run (--quick) is: a few steps on data that need no files.
#pragma once

#include "apps/train/config.h"

namespace gradus {

/// The data set in its place: built-in digits where images of files are asked for, a built-in text for a corpus (a file
/// written into `folder`), a few hundred examples; others as they are. The validation split, views and sizes of the
/// original are not kept.
std::string quick_data(const std::string& spec, const std::string& folder);
/// The run in its place: few steps of small batches on quick_data, then `changes`.
TrainConfig quick_config(TrainConfig config, const OptionList& changes, const std::string& folder);

}  // namespace gradus
