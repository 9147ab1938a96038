// gradus data mix: a masker laid over a recorded soundscape.
#pragma once

#include "apps/cli/commands.h"

namespace gradus {

void add_mix(CLI::App& data, Action& action);

}  // namespace gradus
