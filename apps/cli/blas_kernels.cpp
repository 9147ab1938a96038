#include "apps/cli/blas_kernels.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "core/blas.h"

namespace gradus {
namespace {

constexpr const char* kCoreVariable = "OPENBLAS_CORETYPE";
// Set by a program that starts itself anew, to the kernel set it leaves behind.
constexpr const char* kReplacedVariable = "GRADUS_BLAS_CORE_REPLACED";
std::string replaced;

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

const char* name_of(Simd simd) { return simd == Simd::kAvx512 ? "AVX-512" : "AVX2"; }

}  // namespace

Simd processor_simd() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Simd::kOther;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512cd");
  return wide ? Simd::kAvx512 : Simd::kAvx2;
#else
  return Simd::kOther;
#endif
}

Simd simd_of_core(const std::string& core) {
  for (const char* wide : {"SkylakeX", "Cooperlake", "Sapphirerapids"})
    if (core == wide) return Simd::kAvx512;
  for (const char* avx2 : {"Haswell", "Zen", "Excavator"})
    if (core == avx2) return Simd::kAvx2;
  return Simd::kOther;
}

const char* core_for(Simd processor) {
  switch (processor) {
    case Simd::kAvx512:
      return "SKYLAKEX";
    case Simd::kAvx2:
      return "HASWELL";
    case Simd::kOther:
      break;
  }
  return "";
}

void take_best_blas_kernels(char** argv, const char* self) {
  if (is_set(kReplacedVariable)) {  // started anew: whatever came of it, not again
    replaced = std::getenv(kReplacedVariable);
    if (replaced == blas_core()) replaced.clear();  // this OpenBLAS has no other kernels
    ::unsetenv(kReplacedVariable);
    ::unsetenv(kCoreVariable);
    return;
  }
  const Simd processor = processor_simd();
  const std::string core = blas_core();
  if (is_set(kCoreVariable) || simd_of_core(core) >= processor) return;
  // The file itself rather than the link to it, so that the process keeps its name.
  std::array<char, 4096> path{};
  if (::readlink(self, path.data(), path.size() - 1) <= 0) return;
  ::setenv(kCoreVariable, core_for(processor), 1);
  ::setenv(kReplacedVariable, core.c_str(), 1);
  ::execv(path.data(), argv);
  ::execv(self, argv);  // the file may have been replaced meanwhile
  ::unsetenv(kReplacedVariable);
  ::unsetenv(kCoreVariable);
}

std::string blas_core_replaced() { return replaced; }

std::string blas_warning() {
  const std::string core = blas_core();
  const Simd processor = processor_simd();
  if (simd_of_core(core) >= processor) return "";
  if (is_set(kCoreVariable))
    return fmt::format(
        "{}={} holds BLAS to its {} kernels on a processor with {}; 'unset {}' makes matrix products up to "
        "twice as "
        "fast",
        kCoreVariable, std::getenv(kCoreVariable), core, name_of(processor), kCoreVariable);
  return fmt::format("BLAS runs its {} kernels on a processor with {}; a newer OpenBLAS may be faster", core,
                     name_of(processor));
}

}  // namespace gradus
