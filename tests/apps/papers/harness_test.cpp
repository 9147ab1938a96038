// The harness on small experiments of functions and of short training runs: fair by refusal, the test set out of
// tuning, results that do not depend on where a run was cut.
#include "apps/papers/harness.h"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "apps/train/trainer.h"
#include "core/error.h"
#include "data/registry.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

// score = option x + seed/1000, so that every figure can be worked out.
Outcome simple_score(const Trial& trial) {
  Outcome o;
  o.metrics["score"] = trial.number("x") + static_cast<double>(trial.seed % 1000) / 1000;
  o.curves["value"] = {"step", {1, 2}, {0.5, trial.number("x")}};
  return o;
}

Experiment simple_experiment() {
  Experiment e;
  e.tune_for("score");
  e.arm("a").run(simple_score, {{"x", "0"}}).tune("x", {1, 3, 2});
  e.arm("b").run(simple_score, {{"x", "0"}}).tune("x", {0, 1, 2});
  e.claim("a scores more", better("a", "b", "score"));
  return e;
}

Record run_in(
    const std::string& folder, const Experiment& e, PlanOptions options = {},
    std::vector<std::string>* said = nullptr, const std::function<bool()>& stop = [] { return false; },
    DataShelf::Open open = {}) {
  options.folder = folder;
  const Plan plan("test", e, options);
  const Store store(folder, [&](const std::string& line) {
    if (said) said->push_back(line);
  });
  OwnCrew crew(plan, store, std::move(open));
  PaperProgress progress(true, "test");
  return run_experiment(plan, store, crew, progress, stop);
}

// The record without its times.
std::string timeless(const Record& record) {
  nlohmann::ordered_json json = record_json(record);
  json.erase("times");
  return json.dump();
}

struct Reads {
  std::atomic<int64> labels = 0, pixels = 0;
  bool none() const { return labels == 0 && pixels == 0; }
};

// Passes a data set through and counts what is read of it.
class CountingSet : public Dataset {
 public:
  CountingSet(DatasetPtr base, Reads& reads) : Dataset(base->info()), base_(std::move(base)), reads_(reads) {}
  int64 size() const override { return base_->size(); }
  int64 label(int64 i) const override { return ++reads_.labels, base_->label(i); }
  void read_pixels(int64 i, std::uint8_t* out) const override { ++reads_.pixels, base_->read_pixels(i, out); }
  void read_reals(int64 i, real* out) const override { ++reads_.pixels, base_->read_reals(i, out); }

 private:
  DatasetPtr base_;
  Reads& reads_;
};

TrainConfig short_setting() {
  TrainConfig config;
  config.data = "digits:train=100,test=30";
  config.epochs = 1;
  config.batch_size = 20;
  return config;
}

Experiment training_experiment() {
  Experiment e;
  e.setting(short_setting());
  e.arm("adam").optim("adam").tune("lr", {1e-3, 1e-2});
  e.arm("sgd").optim("sgd").tune("lr", {1e-2, 1e-1});
  e.claim("close", equal("adam", "sgd", "test_loss", 10));
  return e;
}

void check_refused(const Experiment& e, const char* why, PlanOptions options = {}) {
  CHECK_THROWS_WITH_AS(Plan("test", e, options), doctest::Contains(why), UsageError);
}

}  // namespace

TEST_CASE("harness: trials, choice, final runs, verdict") {
  const TempDir dir;
  const Record r = run_in(dir.path(), simple_experiment());
  REQUIRE(r.arms.size() == 2);
  const ArmRecord& a = r.arms[0];
  REQUIRE(a.trials.size() == 3);
  CHECK(a.trials[1].options.at("x") == "3");
  CHECK(a.trials[1].score == doctest::Approx(3));
  CHECK(a.chosen.at("x") == "3");
  CHECK(a.warnings.empty());
  CHECK(r.arms[1].chosen.at("x") == "2");
  CHECK(r.arms[1].warnings == std::vector<std::string>{"x = 2 is the end of its grid"});
  CHECK(a.seeds == std::vector<int64>{0, 1, 2});
  CHECK(a.outcomes[2].metrics.at("score") == 3.002);
  CHECK(a.outcomes[2].curves.at("value").y == std::vector<double>{0.5, 3});
  CHECK(r.claims[0].estimate == doctest::Approx(1));
  CHECK(r.verdict == Verdict::kShown);
}

TEST_CASE("harness: ties go to the first trial, diverged trials lose") {
  Experiment e;
  e.tune_for("score");
  e.arm("a")
      .run([](const Trial& t) {
        if (t.word("x") == "bad") throw NumericError("no number");
        Outcome o;
        o.metrics["score"] = t.word("x") == "nan" ? std::nan("") : 1;
        return o;
      })
      .tune("x", std::vector<std::string>{"bad", "nan", "good", "same"});
  e.claim("one", at_least("a", "score", 1));
  const TempDir dir;
  const Record r = run_in(dir.path(), e);
  CHECK(r.arms[0].chosen.at("x") == "good");
  CHECK(r.arms[0].trials[0].diverged);
  CHECK(r.arms[0].trials[1].diverged);
  CHECK(!r.arms[0].trials[2].diverged);
}

TEST_CASE("harness: a diverged final run is shown as such") {
  Experiment e;
  e.arm("a").run([](const Trial& t) {
    if (t.seed == 1) throw NumericError("boom at step 3");
    Outcome o;
    o.metrics["score"] = 1;
    return o;
  });
  e.claim("one", at_least("a", "score", 1));
  const TempDir dir;
  const Record r = run_in(dir.path(), e);
  CHECK(r.arms[0].outcomes[1].diverged);
  CHECK(r.arms[0].outcomes[1].note == "boom at step 3");
  CHECK(r.verdict != Verdict::kShown);
}

TEST_CASE("plan: an arm with more trials than the others is refused, before anything runs") {
  Experiment e = simple_experiment();
  e.arm("c")
      .run([](const Trial&) -> Outcome {
        FAIL("a run of a refused plan");
        return {};
      })
      .tune("x", {1, 2, 3, 4});
  check_refused(e, "arm b has 3 trials, arm c has 4");
}

TEST_CASE("plan: an untuned arm beside tuned ones needs a reason, and has to be a function") {
  Experiment silent = simple_experiment();
  silent.arm("c").run(simple_score, {{"x", "1"}});
  check_refused(silent, "untuned(\"why\")");
  Experiment said = simple_experiment();
  said.arm("c").run(simple_score, {{"x", "1"}}).untuned("closed form");
  const TempDir dir;
  CHECK(run_in(dir.path(), said).arms[2].untuned == "closed form");
  Experiment trained = training_experiment();
  trained.arm("adamw").optim("adamw").untuned("no time");
  check_refused(trained, "not fair");
  Experiment both = simple_experiment();
  both.arm("c").run(simple_score, {{"x", "1"}}).tune("x", {1, 2, 3}).untuned("why");
  check_refused(both, "nothing to tune");
}

TEST_CASE("plan: what makes no sense is refused") {
  check_refused(simple_experiment(), "2 seeds are too few", {.seeds = 2});
  CHECK_NOTHROW(Plan("test", simple_experiment(), {.seeds = 2, .quick = true}));
  check_refused(simple_experiment(), "first seed", {.first_seed = -1});
  Experiment none;
  none.arm("a").run(simple_score, {{"x", "1"}});
  check_refused(none, "needs a central claim");
  none.claim("t", better("a", "bb", "score"));
  check_refused(none, "unknown arm 'bb'");
  Experiment key = training_experiment();
  key.arm("c").optim("sgd").tune("lrr", {1, 2});
  check_refused(key, "'lrr'");
  Experiment stops;
  stops.setting(short_setting());
  stops.arm("a").optim("sgd").set("early_stop", "2");
  stops.claim("t", at_most("a", "test_loss", 1));
  check_refused(stops, "test set");
  Experiment plateau;
  plateau.setting(short_setting());
  plateau.arm("a").optim("sgd").set("schedule", "plateau");
  plateau.claim("t", at_most("a", "test_loss", 1));
  check_refused(plateau, "test set");
}

TEST_CASE("plan: tuning seeds are no final seeds, whatever the first one is") {
  Experiment e = simple_experiment();
  e.seeds(3, 4);
  for (const int64 first :
       {int64{0}, int64{999999998}, int64{1000000000}, int64{1000000003}, int64{2000000000}})
    for (const int64 count : {3, 1000}) {
      const Plan plan("test", e, {.seeds = count, .first_seed = first});
      CHECK(plan.seeds().front() == first);
      std::set<int64> all(plan.seeds().begin(), plan.seeds().end());
      all.insert(plan.tuning_seeds().begin(), plan.tuning_seeds().end());
      CHECK(all.size() == static_cast<size_t>(count) + 4);
    }
}

TEST_CASE("plan: tuned keys reach the optimizer, its wrapper or the setting") {
  CHECK(with_option("sgd:lr=1,momentum=0.9", "lr", "2") == "sgd:momentum=0.9,lr=2");
  CHECK(with_option("lookahead(adam:lr=1e-3):k=5", "lr", "2") == "lookahead(adam:lr=2):k=5");
  CHECK(with_option("lookahead(adam):k=5", "k", "7") == "lookahead(adam):k=7");
  CHECK(with_option("companion(muon|adamw)", "beta2", "0.9") == "companion(muon|adamw:beta2=0.9)");
  CHECK_THROWS_AS(with_option("sgd", "beta7", "1"), UsageError);
  TrainConfig config;
  set_tuned(config, "batch_size", "7");
  set_tuned(config, "optim.beta1", "0.5");
  CHECK(config.batch_size == 7);
  CHECK(config.optim == "adam:beta1=0.5");
}

TEST_CASE("harness: tuning never reads the test set, the final runs read it once a seed") {
  const Experiment e = training_experiment();
  Reads reads;
  int opened = 0;
  const DataShelf::Open open = [&](const TrainConfig& config) {
    ++opened;
    Data data = open_data(config.data);
    data.test = std::make_shared<CountingSet>(data.test, reads);
    return data;
  };
  const TempDir dir;
  const PlanOptions options{.folder = dir.path()};
  const Plan plan("test", e, options);
  DataShelf shelf(open);
  const auto go_on = [](double) { return false; };
  for (size_t arm = 0; arm < 2; ++arm)
    for (size_t t = 0; t < 2; ++t) {
      const Outcome o = run_once(plan.tuning_run(arm, t, plan.tuning_seeds()[0]), *plan.arms()[arm].arm,
                                 shelf, options, go_on);
      CHECK(o.metrics.contains("test_loss"));
    }
  CHECK(opened == 1);
  CHECK(reads.none());
  const Outcome final_outcome =
      run_once(plan.final_run(0, {{"lr", "0.001"}}, 0), *plan.arms()[0].arm, shelf, options, go_on);
  CHECK(final_outcome.curves.at("test_loss").x ==
        std::vector<double>{1});  // scored once, at the end of its epoch
  CHECK(reads.pixels.load() >= 30);
}

TEST_CASE("harness: a function that is tuned is given no test set either") {
  Reads reads;
  int64 tuning_size = 0, final_size = 0;
  Experiment e;
  e.tune_for("score");
  e.arm("a")
      .run([&](const Trial& t) {
        const Data data = t.data("digits:train=100,test=30");
        (t.tuning ? tuning_size : final_size) = data.test->size();
        for (int64 i = 0; t.tuning && i < data.test->size(); ++i) data.test->label(i);
        Outcome o;
        o.metrics["score"] = t.number("x");
        return o;
      })
      .tune("x", {1, 2});
  e.claim("two", at_least("a", "score", 2));
  const TempDir dir;
  run_in(
      dir.path(), e, {}, nullptr, [] { return false; },
      [&](const TrainConfig& config) {
        Data data = open_data(config.data);
        data.test = std::make_shared<CountingSet>(data.test, reads);
        return data;
      });
  CHECK(tuning_size == 20);
  CHECK(final_size == 30);
  CHECK(reads.none());
}

TEST_CASE("harness: a function trains as a training arm does, and looks at the test set no earlier") {
  Reads reads;
  Experiment e;
  e.setting(short_setting());
  e.tune_for("test_loss");
  e.arm("arm").optim("sgd").tune("lr", {1e-2, 1e-1});
  e.arm("function")
      .run([&](const Trial& t) {
        TrainConfig config = short_setting();
        config.optim = "sgd:lr=" + t.word("lr");
        int64 seen = 0;
        Outcome o = t.train(config, [&](Trainer& trainer, Outcome& outcome) {
          outcome.metrics["bytes"] = static_cast<double>(trainer.optimizer().state_bytes());
          seen = trainer.state().step;
        });
        CHECK(seen == (t.tuning ? 4 : 5));  // of 80 or 100 examples
        if (t.tuning) CHECK(reads.none());
        return o;
      })
      .tune("lr", {1e-2, 1e-1});
  e.claim("close", equal("arm", "function", "test_loss", 0));
  const DataShelf::Open open = [&](const TrainConfig& config) {
    Data data = open_data(config.data);
    data.test = std::make_shared<CountingSet>(data.test, reads);
    return data;
  };
  const TempDir dir;
  const Plan plan("test", e, {.folder = dir.path()});
  DataShelf shelf(open);
  const auto go_on = [](double) { return false; };
  const auto run = [&](const RunSpec& spec, size_t arm) {
    return run_once(spec, *plan.arms()[arm].arm, shelf, plan.options(), go_on);
  };
  for (const bool tuning : {true, false}) {
    const auto spec = [&](size_t arm) {
      return tuning ? plan.tuning_run(arm, 1, plan.tuning_seeds()[0])
                    : plan.final_run(arm, {{"lr", "0.1"}}, 7);
    };
    const Outcome of_function = run(spec(1), 1), of_arm = run(spec(0), 0);
    for (const auto& [name, value] : of_arm.metrics) CHECK(of_function.metrics.at(name) == value);
    CHECK(of_function.curves == of_arm.curves);
    CHECK(of_function.metrics.contains("bytes"));
    if (tuning) CHECK(reads.none());
  }
}

TEST_CASE("harness: seeds of a trial's own, and norms of gradients step by step") {
  Experiment e;
  e.arm("a").run([](const Trial& trial) {
    TrainConfig config = short_setting();
    config.log_grad_norms = true;
    Outcome first = trial.train(config);
    const double own = first.metrics.at("test_loss"), again = trial.train(config).metrics.at("test_loss");
    config.seed = 1;
    const double other = trial.train(config).metrics.at("test_loss");
    first.metrics = {{"own", own}, {"again", again}, {"other", other}};
    return first;
  });
  e.claim("a loss", at_least("a", "own", 0));
  const TempDir dir;
  const Record r = run_in(dir.path(), e);
  const Outcome& o = r.arms[0].outcomes[0];
  CHECK(o.metrics.at("own") == o.metrics.at("again"));
  CHECK(o.metrics.at("own") != o.metrics.at("other"));
  // 100 examples in batches of 20.
  for (const char* norm : {"grad_norm_l1", "grad_norm_l2"})
    CHECK(o.curves.at(norm).x == std::vector<double>{1, 2, 3, 4, 5});
  for (size_t i = 0; i < 5; ++i) CHECK(o.curves.at("grad_norm_l1").y[i] > o.curves.at("grad_norm_l2").y[i]);

  // The second seed of seed 0 is none that another trial has as its own.
  CHECK(r.arms[0].outcomes[1].metrics.at("own") != o.metrics.at("other"));
}

TEST_CASE("harness: training losses as means of so many steps, without an evaluation for it") {
  Experiment e;
  e.arm("a").run([](const Trial& trial) {
    const Outcome single = trial.train(short_setting(), nullptr, 1),
                  pairs = trial.train(short_setting(), nullptr, 2);
    Outcome o = trial.train(short_setting());
    CHECK(single.metrics == o.metrics);
    o.curves = {{"single", single.curves.at("train_loss")}, {"pairs", pairs.curves.at("train_loss")}};
    return o;
  });
  e.claim("a loss", at_least("a", "test_loss", 0));
  const TempDir dir;
  const auto curves = run_in(dir.path(), e).arms[0].outcomes[0].curves;
  const Curve &single = curves.at("single"), &pairs = curves.at("pairs");
  // 100 examples in batches of 20.
  CHECK(single.x == std::vector<double>{1, 2, 3, 4, 5});
  CHECK(pairs.x == std::vector<double>{2, 4});
  for (size_t i = 0; i < 2; ++i)
    CHECK(pairs.y[i] == doctest::Approx((single.y[2 * i] + single.y[2 * i + 1]) / 2).epsilon(1e-5));
}

TEST_CASE("harness: what a function trains may not follow the test set, and divergence is an outcome") {
  Experiment e;
  e.arm("a").run([](const Trial& t) {
    TrainConfig config = short_setting();
    config.optim = "sgd:lr=1e30";
    const Outcome diverged = t.train(config);
    CHECK(diverged.diverged);
    CHECK(diverged.metrics.empty());
    config.early_stop = 1;
    CHECK_THROWS_WITH_AS(t.train(config), doctest::Contains("test set"), UsageError);
    Outcome o;
    o.metrics["score"] = 1;
    return o;
  });
  e.claim("one", at_least("a", "score", 1));
  const TempDir dir;
  CHECK(run_in(dir.path(), e).verdict == Verdict::kShown);
}

TEST_CASE("harness: stopped after any run and resumed, the record is the same bytes") {
  const Experiment e = training_experiment();
  const TempDir whole;
  const std::string expected = timeless(run_in(whole.path(), e));
  for (const int cut : {1, 4, 7}) {
    const TempDir dir;
    const auto finished = [&] {
      int count = 0;
      if (std::filesystem::exists(dir / "runs"))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(dir / "runs"))
          count += entry.is_regular_file();
      return count;
    };
    CHECK_THROWS_AS(run_in(dir.path(), e, {}, nullptr, [&] { return finished() >= cut; }), Interrupted);
    CHECK(finished() == cut);
    CHECK(timeless(run_in(dir.path(), e)) == expected);
  }
}

TEST_CASE("store: damaged runs and runs of other settings are said and run again") {
  const Experiment e = simple_experiment();
  const TempDir dir;
  const std::string expected = timeless(run_in(dir.path(), e));
  std::vector<std::string> said;
  CHECK(timeless(run_in(dir.path(), e, {}, &said)) == expected);
  CHECK(said.empty());

  const std::string file = "runs/a/final-seed-1.json", text = dir.read(file);
  std::string digit = text;
  digit.replace(digit.find("3.001"), 5, "3.101");
  for (const std::string& damaged :
       {text.substr(0, text.size() / 2), std::string("{}"), std::string(), digit}) {
    dir.write(file, damaged);
    said.clear();
    CHECK(timeless(run_in(dir.path(), e, {}, &said)) == expected);
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("final-seed-1.json") != std::string::npos);
    CHECK(said[0].find("damaged") != std::string::npos);
    CHECK(dir.read(file).substr(0, 60) == text.substr(0, 60));
  }

  Experiment other;
  other.tune_for("score");
  other.arm("a").run(simple_score, {{"x", "0"}}).tune("x", {1, 3, 4});
  other.arm("b").run(simple_score, {{"x", "0"}}).tune("x", {0, 1, 2});
  other.claim("a scores more", better("a", "b", "score"));
  said.clear();
  const Record r = run_in(dir.path(), other, {}, &said);
  CHECK(r.arms[0].chosen.at("x") == "4");
  CHECK(r.arms[0].outcomes[0].metrics.at("score") == 4);
  CHECK(said.size() == 4);  // one trial and three final runs of a
  CHECK(said[0].find("other settings") != std::string::npos);
}

TEST_CASE("record: JSON and back") {
  const TempDir dir;
  Record r = run_in(dir.path(), simple_experiment());
  r.command = "gradus papers run x";
  r.arms[0].outcomes[0].curves["long"] = {"step", {}, {}};
  Curve& curve = r.arms[0].outcomes[0].curves["long"];
  for (int i = 0; i <= 1000; ++i) {
    curve.x.push_back(i);
    curve.y.push_back(i / 3.0);
  }
  const auto json = nlohmann::json::parse(record_text(r));
  const Record back = record_from_json(json, "file");
  CHECK(timeless(back) == timeless(r));
  const Curve& thin = back.arms[0].outcomes[0].curves.at("long");
  CHECK(thin.x.size() == 60);
  CHECK(thin.x.front() == 0);
  CHECK(thin.x.back() == 1000);
  CHECK(thin.y.back() == 333.333);
  for (const char* key : {"verdict", "arms", "claims", "times"}) {
    auto broken = json;
    broken.erase(key);
    CHECK_THROWS_AS(record_from_json(broken, "file"), DataError);
  }
  auto wrong = json;
  wrong["verdict"] = "certain";
  CHECK_THROWS_AS(record_from_json(wrong, "file"), DataError);
}
