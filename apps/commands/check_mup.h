// gradus model check-mup, below `gradus model`.
#pragma once

#include <CLI/CLI.hpp>

#include "apps/cli/commands.h"

namespace gradus {

void add_check_mup(CLI::App& model, Action& action);

}  // namespace gradus
