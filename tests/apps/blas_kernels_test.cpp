// Which of OpenBLAS's kernel sets suits which processor.
#include "apps/cli/blas_kernels.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace gradus;

TEST_CASE("blas kernels: the set for a processor uses what the processor has") {
  CHECK(std::string(core_for(Simd::kAvx512)) == "SKYLAKEX");
  CHECK(std::string(core_for(Simd::kAvx2)) == "HASWELL");
  CHECK(std::string(core_for(Simd::kOther)).empty());
  CHECK(simd_of_core("SkylakeX") == Simd::kAvx512);
  CHECK(simd_of_core("Cooperlake") == Simd::kAvx512);
  CHECK(simd_of_core("Sapphirerapids") == Simd::kAvx512);
  CHECK(simd_of_core("Haswell") == Simd::kAvx2);
  CHECK(simd_of_core("Zen") == Simd::kAvx2);
  CHECK(simd_of_core("Prescott") == Simd::kOther);
  CHECK(simd_of_core("Nehalem") == Simd::kOther);
  CHECK(Simd::kAvx512 > Simd::kAvx2);
  CHECK(Simd::kAvx2 > Simd::kOther);
}

TEST_CASE("blas kernels: a library's user keeps what the environment says; only the program starts anew") {
  CHECK(blas_core_replaced().empty());
}
