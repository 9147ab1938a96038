// Tasks that share a set of weights, by their instructions.
#include "data/tasks/instruction_sets.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

namespace gradus::instruction_sets_tests {

using doctest::Approx;

TEST_CASE("instruction sets: cosines of texts") {
  CHECK(tfidf_cosine("name the digit", "Name THE digit!") == Approx(1));
  CHECK(tfidf_cosine("name the digit", "say what") == 0);
  CHECK(tfidf_cosine("", "say") == 0);
  CHECK(tfidf_cosine("a b c", "a b c") == 0);  // no word of two characters
  // "name" is shared; "digit" and "cloth" are alone: 1/(1 + (log(3/2) + 1)^2).
  const double alone = std::log(1.5) + 1;
  CHECK(tfidf_cosine("name digit", "name cloth") == Approx(1 / (1 + alone * alone)));
  CHECK(tfidf_cosine("name digit digit", "name digit") == Approx(3 / std::sqrt(5.0 * 2)));
  CHECK(tfidf_cosine("name the digit", "name the cloth", {"the"}) == Approx(1 / (1 + alone * alone)));
}

TEST_CASE("instruction sets: reuse, a new set, the latest for what is unlike all") {
  InstructionSets sets(0.9);
  CHECK_THROWS_AS(sets.find({"name"}), UsageError);
  CHECK(sets.add_task({"name the digit"}).set == 0);
  CHECK(sets.add_task({"name the digit", "name the digit"}).set == 0);
  const InstructionSets::Choice other = sets.add_task({"describe clothes"});
  CHECK(other.set == 1);
  CHECK(other.similarity == 0);
  CHECK(sets.size() == 2);
  CHECK(sets.find({"name the digit"}) == 0);
  CHECK(sets.find({"sing"}) == 1);
  CHECK_THROWS_AS(sets.add_task({}), UsageError);
  // Stored instructions count one by one: the mean of 1 and 0.
  InstructionSets wide(0.4);
  wide.add_task({"name digit", "say word"});
  CHECK(wide.add_task({"name digit"}).similarity == Approx(0.5));
  CHECK(wide.size() == 1);
}

}  // namespace gradus::instruction_sets_tests
