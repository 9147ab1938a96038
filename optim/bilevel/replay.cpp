#include "optim/bilevel/replay.h"

#include <algorithm>

#include "core/error.h"

namespace gradus {
namespace {

class LazyTree {
 public:
  LazyTree(int64 branching, const ReplayRun& run) : k_(branching), run_(run) {}

  ReplayCost walk(int64 steps, ReplayState start) {
    held_ = cost_.peak_states = 1;
    visit(0, steps, start, true);
    return std::move(cost_);
  }

 private:
  struct Stored {
    int64 t;
    ReplayState state;
  };

  void store(std::vector<Stored>& to, int64 t, const ReplayState& state) {
    to.push_back({t, state});
    cost_.peak_states = std::max(cost_.peak_states, ++held_);
  }
  void free_last(std::vector<Stored>& from) {
    from.pop_back();
    --held_;
  }
  ReplayState advance(const ReplayState& state, int64 t) {
    ++cost_.forward_steps;
    return run_.advance(state, t);
  }

  // `first`: this is the run itself, which goes on to e. Depth of the recursion: log_k of the steps.
  void visit(int64 s, int64 e, const ReplayState& from, bool first) {
    const int64 n = e - s;
    const bool leaf = n <= k_;
    std::vector<int64> boundaries;
    for (int64 j = 1; j < (leaf ? n : k_); ++j) boundaries.push_back(leaf ? s + j : s + j * n / k_);
    std::vector<Stored> inner;
    ReplayState state = from;
    int64 t = s;
    for (const int64 boundary : boundaries) {
      for (; t < boundary; ++t) state = advance(state, t);
      store(inner, t, state);
    }
    if (first) {
      for (; t < e; ++t) state = advance(state, t);
      run_.at_end(state);
    }
    state.clear();
    if (leaf) cost_.segments.push_back({s, e});
    int64 end = e;
    const auto part = [&](int64 begin, const ReplayState& at) {
      if (leaf)
        run_.backward(at, begin);
      else
        visit(begin, end, at, false);
      end = begin;
    };
    while (!inner.empty()) {
      part(inner.back().t, inner.back().state);
      free_last(inner);
    }
    if (n > 0) part(s, from);
  }

  int64 k_;
  const ReplayRun& run_;
  ReplayCost cost_;
  int64 held_ = 0;
};

}  // namespace

ReplayCost replay(int64 steps, int64 branching, ReplayState start, const ReplayRun& run) {
  if (steps < 0) fail<UsageError>("replay: {} steps", steps);
  if (branching < 2) fail<UsageError>("replay: branching {} is below 2", branching);
  return LazyTree(branching, run).walk(steps, std::move(start));
}

}  // namespace gradus
