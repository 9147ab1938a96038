// Equations stand once, in the head of the file: what the registry knows of it is what the file says.
#include "optim/heads.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "tests/paths.h"

using namespace gradus;

TEST_CASE("heads: equations begin below title and papers, and keep their indentation") {
  CHECK(equations_of("// Title.\n// Paper: A, B,\n//        2020.\n//   v = g\n//   w <- w - v\n// Remark.\n") ==
        "  v = g\n  w <- w - v\nRemark.");
  CHECK(equations_of("// Title.\n//\n//   a(b)") == "  a(b)");
  CHECK(equations_of("// Title alone.") == "");
}

TEST_CASE("heads: every optimizer names its file, and shows the lines of that file's head in their order") {
  for (const OptimizerEntry& entry : optimizers()) {
    CAPTURE(entry.text.name);
    std::ifstream file(tests::tests_dir().parent_path() / entry.text.source);
    REQUIRE(file.good());
    REQUIRE(!entry.text.equations.empty());
    CHECK(entry.text.equations.starts_with("  "));  // an equation comes first
    std::string line;
    std::getline(file, line);
    CHECK(line.starts_with("// "));
    std::istringstream shown(entry.text.equations);
    std::string equation;
    std::getline(shown, equation);
    bool more = true;
    while (more && std::getline(file, line) && line.starts_with("//"))
      if (line == "// " + equation) more = bool(std::getline(shown, equation));
    CHECK(!more);
  }
  CHECK(find_optimizer("adam").text.source == "optim/rules/adam.cpp");
  CHECK(find_optimizer("amsgrad").text.source == "optim/rules/adamw.cpp");
  CHECK(find_optimizer("lookahead").text.source == "optim/wrappers/training.cpp");
  CHECK(find_optimizer("clip-norm").text.source == "optim/transforms/clip.cpp");
  CHECK(find_optimizer("adam").text.equations.starts_with("  m = beta1*m + (1-beta1)*g"));
}

TEST_CASE("heads: an optimizer that is registered elsewhere has a file and no equations") {
  const OptimizerText text = with_head({"mine", "a rule of the test", "none"});
  CHECK(text.source == "heads_test.cpp");
  CHECK(text.equations.empty());
}
