// The entries of this family, for the table of apps/papers/registry.cpp.
#pragma once

#include "apps/papers/paper.h"

namespace gradus::paper_entries {

Paper foster();
Paper rogo();
Paper tag();
Paper hard_ash();
Paper amgc();
Paper csfa();

}  // namespace gradus::paper_entries
