#include "apps/cli/version.h"

#include <fmt/format.h>

#include "apps/cli/blas_kernels.h"
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

const char* found_simd() {
  switch (processor_simd()) {
    case Simd::kAvx512:
      return "AVX-512";
    case Simd::kAvx2:
      return "AVX2";
    case Simd::kOther:
      break;
  }
#if defined(__x86_64__)
  return "SSE2";
#else
  return compiled_simd();
#endif
}

}  // namespace

std::string version_text() {
  const char* const sanitizers = *GRADUS_SANITIZERS ? ", sanitizers " GRADUS_SANITIZERS : "";
  std::string text =
      fmt::format("gradus {} ({}, {} build{})\n", GRADUS_VERSION, kRealName, GRADUS_BUILD_TYPE, sanitizers);
#if defined(__clang__)
  text += fmt::format("compiler  clang {}\n", __clang_version__);
#else
  text += fmt::format("compiler  gcc {}\n", __VERSION__);
#endif
  text += fmt::format("simd      compiled for {}; this processor has {}\n", compiled_simd(), found_simd());
  const std::string own_choice = blas_core_replaced();
  text += fmt::format("blas      {}, {} kernels{}\n", blas_version(), blas_core(),
                      own_choice.empty()
                          ? ""
                          : fmt::format(", chosen by gradus: OpenBLAS does not know this processor and "
                                        "takes {}",
                                        own_choice));
  text += fmt::format("threads   {}\n", threads());
  if (const std::string warning = blas_warning(); !warning.empty())
    text += fmt::format("warning   {}\n", warning);
  return text;
}

}  // namespace gradus
