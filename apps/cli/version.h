// What this program is and what it runs on.
#pragma once

#include <string>

namespace gradus {

/// The lines of `gradus --version`: version, compiler, target, SIMD, BLAS and the kernels it runs, threads.
std::string version_text();

/// "" or a warning that the BLAS kernels in use are below what the processor can do, with the remedy.
std::string blas_warning();

}  // namespace gradus
