// The parts of a page about a run of --task diffusion: the course of its loss, images drawn from it, settings.
#pragma once

#include <string>
#include <vector>

#include "apps/commands/weights_flags.h"
#include "apps/report/page.h"

namespace gradus {

/// Whether this is the directory of such a run. Throws DataError for a directory that is no run.
bool is_diffusion_run(const std::string& path);

struct DiffusionPage {
  Html body;
  bool finished = false;
};
/// `draw`: also 64 images, all classes in turn, as `gradus sample` draws them, and the steps of eight. What cannot be had is said in
/// its place and added to the complaints. Throws DataError for damaged files.
DiffusionPage diffusion_page(const std::string& path, const WeightsOptions& options, bool draw,
                             std::vector<std::string>& complaints);

}  // namespace gradus
