#include "data/environments/environment.h"

#include "core/error.h"
#include "data/environments/cart_pole.h"
#include "data/environments/simple_worlds.h"
#include "data/environments/snake.h"

namespace gradus {
namespace {

struct SnakeOptions {
  int64 rows = 6, cols = 6, step_limit = 500;
  void visit(auto&& f) {
    f("rows", rows, "of the board", at_least(1));
    f("cols", cols, "of the board", at_least(1));
    f("step_limit", step_limit, "after which a game ends", at_least(1));
  }
};

class SnakeEnvironment final : public Environment {
 public:
  SnakeEnvironment(const SnakeOptions& o, const Rng& rng)
      : snake_(Snake::random(o.rows, o.cols, o.step_limit, rng)) {}
  int64 observation_size() const override { return Snake::kPlanes * snake_.rows() * snake_.cols(); }
  int64 actions() const override { return Snake::kActions; }
  void observe(std::span<real> out) const override { snake_.observe(out); }
  bool done() const override { return snake_.done(); }
  EnvironmentPtr clone() const override { return std::make_unique<SnakeEnvironment>(*this); }

 private:
  double act(int64 action) override { return snake_.step(action); }
  Snake snake_;
};

struct CartPoleOptions {
  int64 step_limit = 200;
  double force = 10;
  void visit(auto&& f) {
    f("step_limit", step_limit, "after which an episode ends", at_least(1));
    f("force", force, "pushed to the left (0) or the right (1)", positive());
  }
};

// Pushes of one size; reward 1 for every step, as long as the pole stands.
class PushedPole final : public Environment {
 public:
  PushedPole(const CartPoleOptions& o, Rng rng) : o_(o), pole_(start(rng), o.force) {}
  int64 observation_size() const override { return 4; }
  int64 actions() const override { return 2; }
  void observe(std::span<real> out) const override {
    constexpr double kScale[] = {0.5, 0.5, 5, 0.5};
    for (size_t i = 0; i < 4; ++i) out[i] = static_cast<real>(kScale[i] * pole_.state()[i]);
  }
  bool done() const override { return pole_.done() || steps_ == o_.step_limit; }
  EnvironmentPtr clone() const override { return std::make_unique<PushedPole>(*this); }

 private:
  static CartPole::State start(Rng& rng) {
    CartPole::State s{};
    for (double& v : s) v = rng.uniform(-0.05, 0.05);
    return s;
  }
  double act(int64 action) override {
    pole_.step(action == 0 ? -o_.force : o_.force);
    ++steps_;
    return 1;
  }
  CartPoleOptions o_;
  CartPole pole_;
  int64 steps_ = 0;
};

template <class O, class Make>
EnvironmentEntry environment(const char* name, const char* summary, Make make) {
  return {name, summary, describe_options<O>(),
          [name = std::string(name), make](const OptionList& list, const Rng& rng) {
            O options;
            set_options(options, list, "environment " + name);
            return EnvironmentPtr(make(options, rng));
          }};
}

}  // namespace

double Environment::step(int64 action) {
  if (action < 0 || action >= actions())
    fail<DataError>("environment: action {} is none of 0 to {}", action, actions() - 1);
  return done() ? 0 : act(action);
}

const std::vector<EnvironmentEntry>& environments() {
  static const std::vector<EnvironmentEntry> table = {
      environment<BanditOptions>("bandit", "one pull of an arm", make_bandit),
      environment<GridWorldOptions>("grid-world", "a way from corner to corner", make_grid_world),
      environment<PatternOptions>("pattern", "a word to be spelled, rewarded at its end", make_pattern),
      environment<SnakeOptions>(
          "snake", "the game",
          [](const SnakeOptions& o, const Rng& rng) { return std::make_unique<SnakeEnvironment>(o, rng); }),
      environment<CartPoleOptions>(
          "cart-pole", "a pole to be balanced by pushes",
          [](const CartPoleOptions& o, const Rng& rng) { return std::make_unique<PushedPole>(o, rng); }),
  };
  return table;
}

EnvironmentPtr make_environment(const std::string& text, const Rng& rng) {
  const Spec spec = parse_spec(text);
  std::vector<std::string> names;
  for (const EnvironmentEntry& e : environments()) {
    if (e.name == spec.name) return e.make(spec.options, rng);
    names.push_back(e.name);
  }
  throw UsageError(unknown_name("environment", spec.name, names));
}

}  // namespace gradus
