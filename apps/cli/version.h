// What this program is and what it runs on.
#pragma once

#include <string>

namespace gradus {

/// The lines of `gradus --version`: version, compiler, target, SIMD, BLAS and the kernels it runs, threads.
std::string version_text();

}  // namespace gradus
