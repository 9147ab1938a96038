#include "apps/papers/zoo/zoo.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "apps/papers/experiment.h"
#include "apps/papers/run_command.h"
#include "core/error.h"
#include "optim/registry.h"

using namespace gradus;

namespace {

ArmRecord zoo_arm(const std::string& name, const std::vector<double>& steps, double budget,
                  const std::string& lr) {
  ArmRecord arm;
  arm.name = name;
  if (!lr.empty()) arm.chosen["lr"] = lr;
  for (const double s : steps) {
    Outcome outcome;
    outcome.metrics = {{"steps", s}, {"reached", s < budget ? 1.0 : 0.0}};
    arm.outcomes.push_back(outcome);
  }
  return arm;
}

Record zoo_record() {
  Record record;
  record.slug = "zoo";
  for (const std::string& network : zoo_networks()) {
    record.arms.push_back(zoo_arm(network + ": adamw", {40, 60}, 100, "0.001"));
    record.arms.push_back(zoo_arm(network + ": slow", {100, 100}, 100, ""));
    record.arms.push_back(zoo_arm(network + ": quick", {20, network == "gpt" ? 100.0 : 30.0}, 100, "0.01"));
    ClaimRecord claim;
    claim.arms = {network + ": quick", network + ": adamw"};
    claim.p = network == "gpt" ? 0.6 : 0.01;
    record.claims.push_back(claim);
    claim.arms = {network + ": slow", network + ": adamw"};
    claim.p = 0.99;
    record.claims.push_back(claim);
  }
  record.arms.push_back(zoo_arm("lenet: partial", {10, 10}, 100, ""));
  return record;
}

}  // namespace

TEST_CASE(
    "papers, zoo: rows are ordered by steps relative to AdamW's; cells say what was reached and tested") {
  const std::vector<ZooRow> rows = zoo_rows(zoo_record());
  REQUIRE(rows.size() == 3);  // what is not on every network is left out
  CHECK(rows[0].name == "quick");
  CHECK(rows[1].name == "adamw");
  CHECK(rows[2].name == "slow");
  CHECK(rows[0].relative == doctest::Approx(std::cbrt(0.5 * 0.5 * 1.2)));
  CHECK(rows[1].relative == doctest::Approx(1));
  CHECK(rows[2].relative == doctest::Approx(2));
  CHECK(zoo_cell(rows[0].scores[0]) == "25 +- 7 +");
  CHECK(zoo_cell(rows[0].scores[2]) == "60 +- 57 (1 of 2)");
  CHECK(zoo_cell(rows[1].scores[0]) == "50 +- 14");
  CHECK(zoo_cell(rows[2].scores[1]) == "-");
  CHECK(rows[0].scores[0].lr == "0.01");
  CHECK(zoo_text(zoo_record()).find("quick") < zoo_text(zoo_record()).find("adamw"));
}

TEST_CASE(
    "papers, zoo: found by its name, in no list; an arm for every optimizer and network, equally tuned") {
  CHECK(find_paper("zoo").slug == "zoo");
  CHECK(std::none_of(papers().begin(), papers().end(), [](const Paper& p) { return p.slug == "zoo"; }));
  CHECK(select_papers({"zoo"}, "").size() == 1);
  for (const Paper* paper : select_papers({"*"}, "")) CHECK(paper->slug != "zoo");
  Experiment experiment;
  zoo().experiment(experiment);
  CHECK(experiment.arms().size() == optimizers().size() * zoo_networks().size());
  for (const Arm& arm : experiment.arms()) {
    CAPTURE(arm.name());
    CHECK((arm.grid().empty() ? !arm.why_untuned().empty() : arm.grid()[0].values.size() == 5));
  }
}
