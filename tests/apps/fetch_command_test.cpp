#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/apps/in_process.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

TEST_CASE("data fetch: what is not the set is refused, and nothing of it stays") {
  if (std::system("command -v curl >/dev/null 2>&1") != 0) return;
  const TempDir dir;
  const std::string root = dir / "sets", mirror = "file://" + dir.path() + "/mirror";
  CHECK_THROWS_WITH_AS(
      run({"data", "fetch", "tinyshakespeare", "--mirror", mirror, "--data-dir", root, "--quiet"}),
      doctest::Contains("cannot download"), DataError);
  CHECK_FALSE(fs::exists(root));
  dir.write("mirror/tinyshakespeare/input.txt", "not Shakespeare");
  CHECK_THROWS_WITH_AS(
      run({"data", "fetch", "tinyshakespeare", "--mirror", mirror, "--data-dir", root, "--quiet"}),
      doctest::Contains("expected the MD5 sum 6fb458f1232090904fb40fe944165e91"), DataError);
  CHECK_FALSE(fs::exists(root));
  CHECK_THROWS_WITH_AS(run({"data", "fetch", "mnst", "--mirror", mirror, "--data-dir", root, "--quiet"}),
                       doctest::Contains("mnist"), UsageError);
  CHECK_THROWS_AS(run({"data", "fetch"}), UsageError);
}

TEST_CASE("data fetch: a set that is there, from a folder" * doctest::skip(!std::getenv("GRADUS_DATA"))) {
  if (std::system("command -v curl >/dev/null 2>&1") != 0) return;
  const fs::path source = std::getenv("GRADUS_DATA");
  if (!fs::exists(source / "tinyshakespeare/input.txt")) return;
  const TempDir dir;
  const std::string root = dir / "sets";
  const std::vector<std::string> line = {
      "data",       "fetch", "tinyshakespeare", "--mirror", "file://" + source.string(),
      "--data-dir", root,    "--quiet",         "--json"};
  const auto first = nlohmann::json::parse(run(line).text);
  CHECK(first["folder"] == root + "/tinyshakespeare");
  CHECK(first["files"] == nlohmann::json({"input.txt"}));
  CHECK(fs::file_size(root + "/tinyshakespeare/input.txt") == 1115394);
  CHECK(nlohmann::json::parse(run(line).text) == first);  // complete already
  CHECK(run({"data", "show", "tinyshakespeare", "--data-dir", root}).text.find("vocabulary  65") !=
        std::string::npos);
}
