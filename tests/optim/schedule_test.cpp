#include "optim/schedule.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"

using namespace gradus;

namespace {
double at(const char* spec, int64 step, Horizon h = {.total_steps = 100, .steps_per_epoch = 10}) {
  return make_schedule(spec, h)->scale(step);
}
bool agrees(double a, double b) { return std::abs(a - b) < 1e-12; }
}  // namespace

TEST_CASE("schedule: hand-worked values of every kind") {
  CHECK(at("constant", 57) == 1);
  CHECK(agrees(at("step:size=2,gamma=0.5", 19), 1));
  CHECK(agrees(at("step:size=2,gamma=0.5", 20), 0.5));
  CHECK(agrees(at("step:size=7,gamma=0.5,unit=steps", 21), 0.125));
  CHECK(agrees(at("multistep:milestones=3-6,gamma=0.1", 29), 1));
  CHECK(agrees(at("multistep:milestones=3-6,gamma=0.1", 60), 0.01));
  CHECK(agrees(at("multistep:milestones=5,gamma=0.1,unit=steps", 5), 0.1));
  CHECK(agrees(at("exponential:gamma=0.9,unit=steps", 3), 0.729));
  CHECK(agrees(at("exponential:gamma=0.25", 5), 0.5));
  CHECK(agrees(at("cosine", 0), 1));
  CHECK(agrees(at("cosine", 50), 0.5));
  CHECK(agrees(at("cosine:min=0.2", 25), 0.2 + 0.4 * (1 + std::sqrt(0.5))));
  CHECK(agrees(at("cosine:min=0.2", 1000), 0.2));
  CHECK(agrees(at("linear:min=0.2", 25), 0.8));
  CHECK(agrees(at("polynomial:power=3", 50), 0.125));
  CHECK(agrees(at("polynomial:power=2,min=0.5", 50), 0.625));
  CHECK(agrees(at("inverse-sqrt", 3), 0.5));
  CHECK(agrees(at("inverse-sqrt:timescale=4", 12), 0.5));
  for (int64 step = 0; step < 5; ++step)
    CHECK(at("wsd", step, {.total_steps = 5}) == 1);  // too short to fall
  CHECK(agrees(at("wsd", 9, {.total_steps = 10}), 0.5));
  CHECK(agrees(at("wsd:decay=0.4", 60), 1));
  CHECK(agrees(at("wsd:decay=0.4", 70), 0.75));
  CHECK(agrees(at("wsd:decay=0.4,shape=sqrt", 70), 0.5));
  CHECK(agrees(at("wsd:decay=0.4,shape=cosine,min=0.5", 80), 0.75));
}

TEST_CASE("schedule: one-cycle climbs to 1 and ends as torch's") {
  CHECK(agrees(at("one-cycle", 0), 1.0 / 25));
  CHECK(agrees(at("one-cycle", 29), 1));
  CHECK(agrees(at("one-cycle", 99), 1.0 / 25 / 1e4));
  CHECK(agrees(at("one-cycle", 64), (1 + 4e-6) / 2));
  CHECK(agrees(at("one-cycle:anneal=linear,rise=0.51,div_factor=10", 25), 0.1 + 0.9 / 2));
}

TEST_CASE("schedule: warm-up climbs linearly, then the schedule runs over what remains") {
  CHECK(agrees(at("cosine:warmup=20", 0), 0.05));
  CHECK(agrees(at("cosine:warmup=20", 19), 1));
  CHECK(agrees(at("cosine:warmup=20", 20), 1));
  CHECK(agrees(at("cosine:warmup=20", 60), 0.5));
  CHECK(agrees(at("constant:warmup=4,warmup_from=0.2", 1), 0.6));
  CHECK(agrees(at("step:size=3,gamma=0.5,warmup=20", 30), 0.5));
  CHECK(agrees(at("plateau:warmup=10", 4), 0.5));
}

TEST_CASE("schedule: plateau follows the metric, and its state can be put back") {
  auto s = make_schedule("plateau:factor=0.5,patience=1,cooldown=1", {});
  s->observe(1.0);
  s->observe(1.0);
  CHECK(s->scale(9) == 1);
  s->observe(0.99995);  // within the threshold: no improvement
  CHECK(s->scale(9) == 0.5);
  auto other = make_schedule("plateau:factor=0.5,patience=1,cooldown=1", {});
  other->load_state(s->save_state());
  for (auto* p : {s.get(), other.get()}) {
    p->observe(1);  // cooling down
    p->observe(1);
    CHECK(p->scale(9) == 0.5);
    p->observe(1);
    CHECK(p->scale(9) == 0.25);
    p->observe(0.5);
    p->observe(0.6);
    CHECK(p->scale(9) == 0.25);
  }
  auto up = make_schedule("plateau:mode=max,patience=0,factor=0.1,min=0.05", {});
  for (double metric : {0.5, 0.6, 0.7}) up->observe(metric);
  CHECK(up->scale(0) == 1);
  up->observe(0.65);
  CHECK(agrees(up->scale(0), 0.1));
  up->observe(0.65);
  CHECK(up->scale(0) == 0.05);
  CHECK_THROWS_AS(up->load_state({}), DataError);
}

TEST_CASE("schedule: every schedule describes itself, stays finite and refuses what it does not know") {
  for (const ScheduleEntry& entry : schedules()) {
    CAPTURE(entry.name);
    const auto s = make_schedule(entry.name, {.total_steps = 7, .steps_per_epoch = 2});
    for (int64 step = 0; step < 20; ++step) {
      CHECK(std::isfinite(s->scale(step)));
      CHECK(s->scale(step) >= 0);
    }
    CHECK(make_schedule(s->spec(), {.total_steps = 7, .steps_per_epoch = 2})->scale(3) == s->scale(3));
    CHECK_THROWS_AS(make_schedule(entry.name + ":nonsense=1", {.total_steps = 7, .steps_per_epoch = 2}),
                    UsageError);
  }
  CHECK_THROWS_AS(make_schedule("cosin", {.total_steps = 7}), UsageError);
  CHECK_THROWS_AS(make_schedule("cosine", {}), UsageError);
  CHECK_THROWS_AS(make_schedule("step:size=3", {.total_steps = 7}), UsageError);
  CHECK_THROWS_AS(make_schedule("cosine(adam)", {.total_steps = 7}), UsageError);
}

TEST_CASE("schedule: triangular is two lines that meet at 1") {
  CHECK(agrees(at("triangular", 0), 0.2));
  CHECK(agrees(at("triangular", 10), 0.2 + 0.8 * 10 / 23));
  CHECK(agrees(at("triangular", 23), 1));
  CHECK(agrees(at("triangular", 61), 1 - 0.93 * 38 / 77));
  CHECK(agrees(at("triangular", 100), 0.07));
  CHECK(agrees(at("triangular", 500), 0.07));
  // The peak is a whole step: 2 of 9.
  CHECK(agrees(at("triangular:peak=0.3,start=0.5,end=0", 1, {.total_steps = 9}), 0.75));
  CHECK(agrees(at("triangular:peak=0.3,start=0.5,end=0", 2, {.total_steps = 9}), 1));
  CHECK(agrees(at("triangular:peak=0.3,start=0.5,end=0", 3, {.total_steps = 9}), 6.0 / 7));
  CHECK(agrees(at("triangular:peak=0", 0), 1));
  CHECK(agrees(at("triangular:peak=1", 100), 1));
  CHECK_THROWS_AS(at("triangular", 0, {}), UsageError);
}
