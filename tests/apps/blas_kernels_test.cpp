// Which of OpenBLAS's kernel sets suits which processor.
#include "apps/cli/blas_kernels.h"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/temp_dir.h"

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

TEST_CASE("blas kernels: a program that cannot find itself goes on with the kernels there are") {
  const TempDir dir;
  const char* named = std::getenv("OPENBLAS_CORETYPE");
  const std::string before = named ? named : "";
  char name[] = "gradus";
  char* argv[] = {name, nullptr};
  const std::string nowhere = dir / "nowhere", folder = dir.path();
  const std::string to_folder = dir / "to_folder";
  std::filesystem::create_symlink(folder, to_folder);  // what it leads to cannot be executed
  unsetenv("OPENBLAS_CORETYPE");
  for (const std::string& self : {nowhere, folder, to_folder}) {
    CAPTURE(self);
    take_best_blas_kernels(argv, self.c_str());
    CHECK(!std::getenv("OPENBLAS_CORETYPE"));
    CHECK(!std::getenv("GRADUS_BLAS_CORE_REPLACED"));
    CHECK(blas_core_replaced().empty());
  }
  if (named) setenv("OPENBLAS_CORETYPE", before.c_str(), 1);
}
