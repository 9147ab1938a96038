// The pictures of the labs' handouts: named by them, there, and what `gradus lab pictures` draws.
#include "apps/commands/lab_pictures.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "apps/labs/lab.h"
#include "tests/apps/in_process.h"
#include "tests/apps/markup_check.h"
#include "tests/paths.h"

using namespace gradus;
using namespace gradus::tests;
namespace fs = std::filesystem;

namespace {

std::string whole_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// What is written in a picture, without numbers: title, labels, names of series. (Curves differ in their last digits from one
// processor to another.)
std::vector<std::string> words_in(const std::string& svg) {
  std::vector<std::string> words;
  for (size_t at = svg.find("<text"); at != std::string::npos; at = svg.find("<text", at + 1)) {
    const size_t begin = svg.find('>', at) + 1;
    std::string word = svg.substr(begin, svg.find('<', begin) - begin);
    word = word.substr(0, word.find(": ends at"));
    if (word.find_first_not_of("0123456789.-+e") != std::string::npos) words.push_back(word);
  }
  return words;
}

}  // namespace

TEST_CASE("lab pictures: each handout shows its own, and they are what the command draws") {
  const fs::path labs = tests_dir().parent_path() / "apps/labs";
  const TempDir dir;
  fs::copy(labs, dir / "labs", fs::copy_options::recursive);
  fs::create_directory_symlink(tests_dir() / "goldens", dir / "records");
  CHECK(run({"lab", "pictures", dir / "labs"}).text == fmt::format("{} pictures\n", lab_pictures().size()));
  std::set<int> with_picture;
  for (const LabPicture& picture : lab_pictures()) {
    CAPTURE(picture.file);
    const Lab lab = find_lab(labs.string(), picture.lab);
    with_picture.insert(picture.lab);
    const std::string handout = whole_file(fs::path(lab.folder) / "README.md");
    CHECK(handout.find(std::string("](") + picture.file + ")") != std::string::npos);
    const std::string kept = whole_file(fs::path(lab.folder) / picture.file),
                      drawn = dir.read("labs/" + lab.name + "/" + picture.file);
    CHECK(markup_problem(kept).empty());
    CHECK(markup_problem(drawn).empty());
    CHECK(words_in(kept) == words_in(drawn));
    CHECK(words_in(kept).size() >= 3);
    const Lab copy = find_lab(dir / "labs", picture.lab);
    CHECK(given_files(copy).at(picture.file) == drawn);  // a student gets it with the starter
  }
  CHECK(with_picture.size() == read_labs(labs.string()).size());
}
