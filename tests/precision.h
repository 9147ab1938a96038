#pragma once

#include "core/real.h"

namespace gradus::tests {

/// True in the tests of the double library, where bounds are tighter.
inline constexpr bool kDouble = sizeof(real) == 8;

}  // namespace gradus::tests
