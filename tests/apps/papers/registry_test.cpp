// What every paper's entry owes its readers, and the table of the README.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "apps/papers/experiment.h"
#include "apps/papers/paper.h"
#include "apps/papers/paper_text.h"
#include "apps/papers/plan.h"
#include "apps/papers/recorded.h"
#include "core/error.h"
#include "tests/apps/in_process.h"
#include "tests/paths.h"

using namespace gradus;

namespace {

std::filesystem::path source_dir() { return tests::tests_dir().parent_path(); }

std::string source_file(const std::filesystem::path& path) {
  std::ifstream in(source_dir() / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A paper with an experiment makes a plan that the rules accept.
void check_experiment(const Paper& paper) {
  if (!paper.experiment) return;
  Experiment e;
  paper.experiment(e);
  CHECK_NOTHROW(Plan(paper.slug, e, {}));
  for (const auto& named : e.claims()) CHECK(!named.text.empty());
  CHECK(paper.minutes > 0);
}

}  // namespace

TEST_CASE("papers: every entry is whole, and lies in the file of its name") {
  std::set<std::string> slugs;
  for (const Paper& p : papers()) {
    CAPTURE(p.slug);
    CHECK(slugs.insert(p.slug).second);
    for (const std::string* text : {&p.family, &p.title, &p.authors, &p.venue, &p.idea, &p.equations, &p.use})
      CHECK(!text->empty());
    CHECK(p.year > 1950);
    const std::string own = "apps/papers/" + p.family + "/" + p.slug + ".cpp";
    CHECK(std::filesystem::exists(source_dir() / own));
    if (!p.arxiv.empty()) CHECK(source_file(own).find(p.arxiv) != std::string::npos);
    CHECK(!p.files.empty());
    for (const std::string& file : p.files) {
      CAPTURE(file);
      CHECK(std::filesystem::exists(source_dir() / file));
    }
    for (const CaseFunction& f : p.functions) {
      CAPTURE(f.text.name);
      CHECK(!f.text.summary.empty());
      CHECK(!f.text.outputs.empty());
      CHECK(f.call);
    }
    check_experiment(p);
    CHECK(paper_text(p).find(p.title) != std::string::npos);
    if (const Record* r = recorded_result(p.slug)) {
      CHECK(r->slug == p.slug);
      CHECK(!r->quick);
      CHECK(r->seeds.size() >= 3);
    }
  }
}

// slugs.txt names the papers that gradus is about, 119, one a line; a '-' behind one says that it has no entry yet.
TEST_CASE("papers: the registry has the entries that the list of slugs says") {
  std::istringstream lines(source_file("tests/apps/papers/slugs.txt"));
  std::set<std::string> listed, expected, found;
  for (std::string line; std::getline(lines, line);) {
    const bool later = line.ends_with(" -");
    const std::string slug = later ? line.substr(0, line.size() - 2) : line;
    CHECK_MESSAGE(listed.insert(slug).second, slug << " is there twice");
    if (!later) expected.insert(slug);
  }
  for (const Paper& p : papers()) found.insert(p.slug);
  CHECK(listed.size() == 119);
  CHECK(found == expected);
}

TEST_CASE("papers: recorded results belong to papers") {
  for (const RecordedFile* file = kRecordedFiles; file->slug; ++file) CHECK_NOTHROW(find_paper(file->slug));
}

TEST_CASE("papers: the table of the README is the one of 'papers list --markdown'") {
  const std::string table = tests::run({"papers", "list", "--markdown"}).text;
  CHECK(table.find("| [adabelief](adaptive/adabelief.cpp) | adaptive |") != std::string::npos);
  CHECK_MESSAGE(source_file("apps/papers/README.md").find(table) != std::string::npos,
                "paste the output of 'gradus papers list --markdown' into apps/papers/README.md");
}

TEST_CASE("papers: list and show") {
  const tests::Output all = tests::run({"papers", "list", "ada*", "--family", "adaptive"});
  CHECK(all.code == 0);
  CHECK(all.text.find("adabelief") != std::string::npos);
  const auto json = nlohmann::json::parse(tests::run({"papers", "list", "adabelief", "--json"}).text);
  REQUIRE(json["papers"].size() == 1);
  CHECK(json["papers"][0]["arxiv"] == "2010.07468");
  const std::string text = tests::run({"papers", "show", "adabelief"}).text;
  for (const char* part :
       {"2010.07468", "v = beta2*v + (1-beta2)*(g - m)^2 + eps", "optim/rules/adabelief.cpp",
        "gradus papers run adabelief", "lr of 0.001, 0.002, 0.004, 0.008"})
    CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("papers: wrong words") {
  CHECK_THROWS_WITH_AS(tests::run({"papers", "show", "adabelif"}),
                       doctest::Contains("did you mean 'adabelief'"), UsageError);
  CHECK_THROWS_WITH_AS(tests::run({"papers", "run", "adabelif"}),
                       doctest::Contains("did you mean 'adabelief'"), UsageError);
  CHECK_THROWS_WITH_AS(tests::run({"papers", "list", "--family", "adaptve"}),
                       doctest::Contains("did you mean 'adaptive'"), UsageError);
  CHECK_THROWS_WITH_AS(tests::run({"papers", "run"}), doctest::Contains("papers list"), UsageError);
  CHECK_THROWS_AS(tests::run({"papers", "run", "adabelief", "--resume", "--fresh"}), UsageError);
  CHECK_THROWS_WITH_AS(tests::run({"papers", "run", "adabelief", "--record=/no/such/folder"}),
                       doctest::Contains("--record=DIR"), UsageError);
}
