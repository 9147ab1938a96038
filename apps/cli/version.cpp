#include "apps/cli/version.h"

#include <fmt/format.h>

#include <cstdlib>

#include "core/blas.h"
#include "core/real.h"
#include "core/threads.h"

namespace gradus {
namespace {

// What this file, like the whole program, was compiled for.
const char* compiled_simd() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__AVX__)
  return "AVX";
#elif defined(__x86_64__)
  return "SSE2";
#elif defined(__ARM_FEATURE_SVE)
  return "SVE";
#elif defined(__ARM_NEON)
  return "NEON";
#else
  return "scalar";
#endif
}

const char* processor_simd() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl"))
    return "AVX-512";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "AVX2";
  return "SSE2";
#else
  return compiled_simd();
#endif
}

// The OpenBLAS kernel sets that use AVX-512.
bool is_avx512_core(const std::string& core) {
  return core == "SkylakeX" || core == "Cooperlake" || core == "Sapphirerapids";
}
bool is_avx2_core(const std::string& core) {
  return is_avx512_core(core) || core == "Haswell" || core == "Zen" || core == "Excavator";
}

}  // namespace

std::string blas_warning() {
  const std::string core = blas_core(), processor = processor_simd();
  const bool held =
      (processor == "AVX-512" && !is_avx512_core(core)) || (processor == "AVX2" && !is_avx2_core(core));
  if (!held) return "";
  const char* forced = std::getenv("OPENBLAS_CORETYPE");
  if (forced && *forced)
    return fmt::format(
        "OPENBLAS_CORETYPE={} holds BLAS to its {} kernels on a processor with {}; 'unset OPENBLAS_CORETYPE' "
        "makes matrix products up to twice as fast",
        forced, core, processor);
  return fmt::format("BLAS runs its {} kernels on a processor with {}; a newer OpenBLAS may be faster", core,
                     processor);
}

std::string version_text() {
  const char* const sanitizers = *GRADUS_SANITIZERS ? ", sanitizers " GRADUS_SANITIZERS : "";
  std::string text =
      fmt::format("gradus {} ({}, {} build{})\n", GRADUS_VERSION, kRealName, GRADUS_BUILD_TYPE, sanitizers);
#if defined(__clang__)
  text += fmt::format("compiler  clang {}\n", __clang_version__);
#else
  text += fmt::format("compiler  gcc {}\n", __VERSION__);
#endif
  text +=
      fmt::format("simd      compiled for {}; this processor has {}\n", compiled_simd(), processor_simd());
  text += fmt::format("blas      {}, {} kernels\n", blas_version(), blas_core());
  text += fmt::format("threads   {}\n", threads());
  if (const std::string warning = blas_warning(); !warning.empty())
    text += fmt::format("warning   {}\n", warning);
  return text;
}

}  // namespace gradus
