#include "data/environments/simple_worlds.h"

#include <algorithm>

namespace gradus {
namespace {

// An environment whose copies are plain copies.
template <class Self>
class Copied : public Environment {
 public:
  EnvironmentPtr clone() const override { return std::make_unique<Self>(static_cast<const Self&>(*this)); }
};

void one_hot(std::span<real> out, int64 at) {
  std::fill(out.begin(), out.end(), real(0));
  out[static_cast<size_t>(at)] = 1;
}

class Bandit final : public Copied<Bandit> {
 public:
  Bandit(const BanditOptions& o, const Rng& rng) : noise_(o.noise), means_(bandit_means(o)), rng_(rng) {}
  int64 observation_size() const override { return 1; }
  int64 actions() const override { return std::ssize(means_); }
  void observe(std::span<real> out) const override { out[0] = 1; }
  bool done() const override { return done_; }

 private:
  double act(int64 action) override {
    done_ = true;
    return means_[static_cast<size_t>(action)] + noise_ * rng_.normal();
  }
  double noise_;
  std::vector<double> means_;
  Rng rng_;
  bool done_ = false;
};

class GridWorld final : public Copied<GridWorld> {
 public:
  GridWorld(const GridWorldOptions& o, const Rng& rng) : o_(o), rng_(rng) {}
  int64 observation_size() const override { return o_.rows * o_.cols; }
  int64 actions() const override { return 4; }
  void observe(std::span<real> out) const override { one_hot(out, row_ * o_.cols + col_); }
  bool done() const override { return done_; }

 private:
  double act(int64 action) override {
    if (o_.slip > 0 && rng_.bernoulli(o_.slip)) action = rng_.below(4);
    if (action == 0) row_ = std::max<int64>(row_ - 1, 0);
    if (action == 1) col_ = std::min(col_ + 1, o_.cols - 1);
    if (action == 2) row_ = std::min(row_ + 1, o_.rows - 1);
    if (action == 3) col_ = std::max<int64>(col_ - 1, 0);
    const bool arrived = row_ == o_.rows - 1 && col_ == o_.cols - 1;
    done_ = arrived || ++steps_ == o_.step_limit;
    return arrived ? 1 : 0;
  }
  GridWorldOptions o_;
  Rng rng_;
  int64 row_ = 0, col_ = 0, steps_ = 0;
  bool done_ = false;
};

class Pattern final : public Copied<Pattern> {
 public:
  explicit Pattern(const PatternOptions& o) : letters_(o.letters), word_(pattern_word(o)) {}
  int64 observation_size() const override { return std::ssize(word_); }
  int64 actions() const override { return letters_; }
  void observe(std::span<real> out) const override { one_hot(out, std::min(at_, std::ssize(word_) - 1)); }
  bool done() const override { return at_ == std::ssize(word_); }

 private:
  double act(int64 action) override {
    right_ += action == word_[static_cast<size_t>(at_)];
    ++at_;
    return done() ? static_cast<double>(right_) / static_cast<double>(word_.size()) : 0;
  }
  int64 letters_, at_ = 0, right_ = 0;
  std::vector<int64> word_;
};

Rng layout_of(const char* what, int64 layout) { return Rng(static_cast<std::uint64_t>(layout)).fork(what); }

}  // namespace

std::vector<double> bandit_means(const BanditOptions& o) {
  std::vector<double> means;
  for (const int64 place : layout_of("bandit", o.layout).permutation(o.arms))
    means.push_back(o.arms == 1 ? 1 : static_cast<double>(place) / static_cast<double>(o.arms - 1));
  return means;
}

std::vector<int64> pattern_word(const PatternOptions& o) {
  Rng rng = layout_of("pattern", o.layout);
  std::vector<int64> word;
  for (int64 i = 0; i < o.length; ++i) word.push_back(rng.below(o.letters));
  return word;
}

EnvironmentPtr make_bandit(const BanditOptions& options, const Rng& rng) {
  return std::make_unique<Bandit>(options, rng);
}
EnvironmentPtr make_grid_world(const GridWorldOptions& options, const Rng& rng) {
  return std::make_unique<GridWorld>(options, rng);
}
EnvironmentPtr make_pattern(const PatternOptions& options, const Rng&) {
  return std::make_unique<Pattern>(options);
}

}  // namespace gradus
