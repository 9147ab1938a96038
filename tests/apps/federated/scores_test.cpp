// What is measured of a federation, by hand.
#include "apps/federated/scores.h"

#include <doctest/doctest.h>

using namespace gradus;

namespace {

std::vector<RoundRow> rows_with(const std::vector<double>& accuracies) {
  std::vector<RoundRow> rows;
  for (const double a : accuracies)
    rows.push_back({.round = std::ssize(rows) + 1,
                    .test_loss = 1 - a,
                    .test_accuracy = a,
                    .clients = 2,
                    .dropped = 1,
                    .bytes_up = 20,
                    .bytes_down = 30});
  return rows;
}

}  // namespace

TEST_CASE("federated scores: mean and deviation of the last ten, rounds to a target, bytes") {
  const std::vector<double> accuracy{.9, .1, .2, .3, .4, .5, .6, .7, .8, .9, 1, .7};
  const FederationSummary s = summarise(rows_with(accuracy), 0.6, {}, {});
  CHECK(s.test_accuracy == .7);
  CHECK(s.test_loss == doctest::Approx(.3));
  CHECK(s.last_mean == doctest::Approx(.61));
  CHECK(s.last_std == doctest::Approx(std::sqrt(.609 / 9)).epsilon(1e-6));
  // Means of five that end at round 8: .5, at round 9: .6.
  CHECK(s.rounds_to_target == 9);
  CHECK_FALSE(summarise(rows_with(accuracy), 0.9, {}, {}).rounds_to_target);
  CHECK_FALSE(summarise(rows_with({1, 1, 1, 1}), 0.5, {}, {}).rounds_to_target);
  CHECK(summarise(rows_with({1, 1, 1, 1, 1}), 0.5, {}, {}).rounds_to_target == 5);
  CHECK(s.bytes_up == 240);
  CHECK(s.bytes_down == 360);
  CHECK(s.dropped == 12);
  CHECK(std::isnan(summarise({}, 0.5, {}, {}).last_mean));
  CHECK(std::isnan(summarise(rows_with({.5}), {}, {}, {}).last_std));
}

TEST_CASE("federated scores: rounds that were not evaluated count no accuracy") {
  std::vector<RoundRow> rows = rows_with({.5, .1, .7});
  rows[1].test_accuracy = rows[1].test_loss = std::nan("");
  const FederationSummary s = summarise(rows, {}, {}, {});
  CHECK(s.last_mean == doctest::Approx(.6));
  const RoundRow back = round_from_json(nlohmann::json(round_json(rows[1])).at("round").is_number()
                                            ? nlohmann::json::parse(round_json(rows[1]).dump())
                                            : nlohmann::json());
  CHECK(back.round == 2);
  CHECK(std::isnan(back.test_accuracy));
  CHECK(round_csv(rows[1]) == "2,,,,,2,1,0,20,30,0.0");
  CHECK(round_csv_header() ==
        "round,train_loss,train_accuracy,test_loss,test_accuracy,clients,dropped,empty,bytes_up,bytes_down,"
        "seconds\n");
}

TEST_CASE("federated scores: a client's accuracy is that of its own labels; mean and worst tenth") {
  const ClassScores test{
      {}, {9, 5, 0, 0}, {10, 10, 10, 0}};  // accuracies .9, .5, 0; no test example of class 3
  const std::vector<std::vector<int64>> labels{{10, 0, 0, 0}, {1, 1, 0, 0}, {0, 0, 0, 0},
                                               {0, 3, 1, 0},  {2, 0, 0, 2}, {0, 0, 0, 4}};
  const std::vector<double> clients = client_accuracies(labels, test);
  REQUIRE(clients.size() == 4);  // none without data, none of which the test set has nothing
  CHECK(clients[0] == doctest::Approx(.9));
  CHECK(clients[1] == doctest::Approx(.7));
  CHECK(clients[2] == doctest::Approx(.375));
  CHECK(clients[3] == doctest::Approx(.9));
  const FederationSummary s = summarise(rows_with({.5}), {}, labels, test);
  CHECK(s.client_mean == doctest::Approx(.71875));
  CHECK(s.client_worst == doctest::Approx(.375));
  // Eleven clients: the worst tenth are two.
  std::vector<std::vector<int64>> many(9, {1, 0, 0, 0});
  many.push_back({0, 1, 0, 0});
  many.push_back({0, 0, 1, 0});
  CHECK(summarise(rows_with({.5}), {}, many, test).client_worst == doctest::Approx(.25));
}
