// The kernels BLAS runs. OpenBLAS chooses among its kernel sets when it is loaded; for a processor newer than itself it
// takes the oldest, several times slower. The program then starts itself anew with OPENBLAS_CORETYPE naming the right set.
#pragma once

#include <string>

namespace gradus {

/// What matrix products can use of a processor.
enum class Simd { kOther, kAvx2, kAvx512 };

/// Of the processor this runs on; kOther where it is no x86-64.
Simd processor_simd();
/// What the kernel set of that name (as blas_core() gives it) uses.
Simd simd_of_core(const std::string& core);
/// The kernel set for OPENBLAS_CORETYPE that suits such a processor, known to every OpenBLAS since 2018; "" for kOther.
const char* core_for(Simd processor);

/// If OpenBLAS runs kernels below what the processor has and OPENBLAS_CORETYPE is not set: starts the program anew, once, with
/// the right ones. Returns where there is nothing to gain, and where it cannot (no /proc), with the kernels there are. To be
/// called first in main; what it puts into the environment for that, it takes out again. `self` is the link to the program.
void take_best_blas_kernels(char** argv, const char* self = "/proc/self/exe");
/// The kernel set that OpenBLAS would have run by itself; "" if it runs what it chose.
std::string blas_core_replaced();

/// "" or a warning that the BLAS kernels in use are below what the processor can do, with the remedy.
std::string blas_warning();

}  // namespace gradus
