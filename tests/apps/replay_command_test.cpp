// gradus replay with several files.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/apps/in_process.h"
#include "tests/paths.h"

using namespace gradus;
using namespace gradus::tests;

TEST_CASE("replay: a file that cannot be replayed does not keep the others from it") {
  const TempDir dir;
  const std::string good = (tests_dir() / "goldens/adabelief--defaults.json").string(),
                    bad = dir.write("bad.json", std::string_view("{"));
  const Output shown = run({"replay", bad, good, dir / "missing.json"});
  CHECK(shown.code == kBadData);
  CHECK(shown.text.find("adabelief--defaults.json") != std::string::npos);
  CHECK(shown.text.find("ok: largest relative error") != std::string::npos);
  const auto json = nlohmann::json::parse(run({"replay", "--json", bad, good}).text);
  CHECK(json["passed"] == false);
  CHECK(json["files"][0]["error_message"].get<std::string>().find("bad.json") != std::string::npos);
  CHECK(json["files"][1]["passed"] == true);
}
