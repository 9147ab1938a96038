// Pairs of responses: lines that are read, lines that are refused with file and line, tokens and masks.
#include "data/preference_pairs.h"

#include <doctest/doctest.h>

#include "core/error.h"
#include "tests/temp_dir.h"

namespace gradus::preference_pairs_tests {

std::string complaint(const std::string& contents) {
  const TempDir dir;
  dir.write("p.jsonl", contents);
  try {
    read_preference_pairs(dir / "p.jsonl");
  } catch (const DataError& e) {
    return e.what();
  }
  return "";
}

TEST_CASE("preference pairs: lines are read, empty ones passed over") {
  const TempDir dir;
  dir.write("p.jsonl",
            "{\"prompt\": \"2+2=\", \"chosen\": \"4\", \"rejected\": \"5\"}\r\n\n"
            "{\"rejected\": \"b\", \"chosen\": \"\\u00e9\", \"prompt\": \"\"}");
  const std::vector<PreferencePair> pairs = read_preference_pairs(dir / "p.jsonl");
  REQUIRE(pairs.size() == 2);
  CHECK(pairs[0].prompt == "2+2=");
  CHECK(pairs[1].chosen == "\xC3\xA9");
  CHECK(characters_of(pairs) == std::vector<std::string>{"+", "2", "4", "5", "=", "b", "\xC3\xA9"});
}

TEST_CASE("preference pairs: what is wrong is named with file and line") {
  const std::string good = "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n";
  const auto bad = [&](const std::string& line, const std::string& part) {
    const std::string said = complaint(good + line);
    INFO(said << " should hold " << part);
    CHECK(said.find("p.jsonl, line 2: ") != said.npos);
    CHECK(said.find(part) != said.npos);
  };
  bad("{\"prompt\": ", "no JSON");
  bad("[1]", "expected an object");
  bad("{\"prompt\": \"a\", \"chosen\": \"b\"}", "'rejected' is missing");
  bad("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": 3}", "rejected is number, expected text");
  bad("{\"prompt\": \"a\", \"choosen\": \"b\", \"rejected\": \"c\"}", "did you mean 'chosen'");
  bad("{\"prompt\": \"a\", \"chosen\": \"\", \"rejected\": \"c\"}", "a response is empty");
  bad("{\"prompt\": \"a\", \"chosen\": \"c\", \"rejected\": \"c\"}", "the same");
  CHECK(complaint("\n \n").find("no pairs") != std::string::npos);
  CHECK(complaint(good).empty());
  CHECK_THROWS_AS(read_preference_pairs("/nowhere/p.jsonl"), DataError);
}

TEST_CASE("preference pairs: tokens, prompts that lose their beginning, masks") {
  const std::vector<PreferencePair> texts{{"abab", "b", "aa"}, {"", "a", "b"}};
  const std::vector<std::string> vocabulary{"a", "b", "\n"};
  const std::vector<PairTokens> pairs = tokenise_pairs(texts, vocabulary, 4, "f");
  CHECK(pairs[0].prompt == std::vector<int64>{1, 0, 1});  // with two of a response that makes four to read
  CHECK(pairs[1].prompt == std::vector<int64>{2});
  const std::vector<int64> rows{0, 1};
  const ResponseBatch chosen = response_batch(pairs, rows, PairSide::kChosen);
  CHECK(chosen.ids.values() == std::vector<int64>{1, 0, 1, 2, 0, 0});
  CHECK(chosen.targets.values() == std::vector<int64>{0, 1, 1, 0, 0, 0});
  CHECK(chosen.mask.values() == std::vector<int64>{0, 0, 1, 1, 0, 0});
  const ResponseBatch rejected = response_batch(pairs, rows, PairSide::kRejected);
  CHECK(rejected.mask.values() == std::vector<int64>{0, 0, 1, 1, 1, 0, 0, 0});
  CHECK_THROWS_WITH_AS(tokenise_pairs(texts, vocabulary, 1, "f"),
                       "f: pair 1: a response of 2 tokens does not fit a context of 1", DataError);
  CHECK_THROWS_AS(tokenise_pairs(texts, {"a"}, 4, "f"), DataError);
}

}  // namespace gradus::preference_pairs_tests
