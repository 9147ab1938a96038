#include "apps/active/exploration.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "data/selection/gradient_embedding.h"

namespace gradus {
namespace {

double row_product(const real* a, const real* b, int64 d) {
  double sum = 0;
  for (int64 i = 0; i < d; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// What has been pulled and answered so far, of E episodes.
struct History {
  int64 episodes, n, horizon;
  std::vector<double> pulls, sums;

  History(int64 e, int64 queries, int64 t)
      : episodes(e),
        n(queries),
        horizon(t),
        pulls(static_cast<size_t>(e * queries), 0),
        sums(pulls.size(), 0) {}
  void add(int64 e, int64 action, double y) {
    const auto at = static_cast<size_t>(e * n + action);
    pulls[at] += 1, sums[at] += y;
  }
  double mean(size_t at) const { return pulls[at] > 0 ? sums[at] / pulls[at] : 0; }
  Tensor features(int64 t) const {
    Tensor f({episodes, 3 * n + 1});
    const auto each = static_cast<size_t>(n);
    for (size_t e = 0; e < static_cast<size_t>(episodes); ++e)
      write_features(std::span(pulls).subspan(e * each, each), std::span(sums).subspan(e * each, each), t,
                     horizon, f.mutable_data() + e * (3 * each + 1));
    return f;
  }
  Tensor means() const {
    Tensor out({episodes, n});
    for (size_t i = 0; i < pulls.size(); ++i) out.mutable_data()[i] = static_cast<real>(mean(i));
    return out;
  }
};

double answer(const ExplorationGame& game, double mu, double draw) {
  if (game.bernoulli()) return draw < (1 + mu) / 2 ? 1 : -1;
  return mu + draw;
}

// z*, and L of every hypothesis (m).
int64 losses_of_hypotheses(const ExplorationGame& game, const real* theta, real* losses) {
  const int64 m = game.hypotheses.dim(0), d = game.hypotheses.dim(1);
  std::vector<double> reward;
  for (int64 z = 0; z < m; ++z) reward.push_back(row_product(game.hypotheses.data() + z * d, theta, d));
  const int64 best = std::max_element(reward.begin(), reward.end()) - reward.begin();
  for (int64 z = 0; z < m; ++z)
    losses[z] = static_cast<real>(
        game.regret() ? reward[static_cast<size_t>(best)] - reward[static_cast<size_t>(z)] : z != best);
  return best;
}

void check_draws(const ExplorationGame& game, const Tensor& thetas, const Tensor& draws) {
  game.check();
  if (thetas.rank() != 2 || thetas.dim(1) != game.queries.dim(1) || draws.rank() != 2 ||
      draws.dim(0) != thetas.dim(0) || draws.dim(1) != game.horizon)
    fail<ShapeError>("exploration: thetas {}, draws {} for {} dimensions and {} steps", thetas.shape().str(),
                     draws.shape().str(), game.queries.dim(1), game.horizon);
}

}  // namespace

void write_features(std::span<const double> pulls, std::span<const double> sums, int64 t, int64 horizon,
                    real* out) {
  const auto all = static_cast<double>(horizon);
  for (size_t i = 0; i < pulls.size(); ++i) {
    *out++ = static_cast<real>(pulls[i] / all);
    *out++ = static_cast<real>(sums[i] / all);
    *out++ = static_cast<real>(pulls[i] > 0 ? sums[i] / pulls[i] : 0);
  }
  *out = static_cast<real>(static_cast<double>(t) / all);
}

Limits exploration_losses() { return choices({"identification", "regret"}); }
Limits exploration_noise() { return choices({"gaussian", "bernoulli"}); }

ExplorationGame ExplorationGame::best_arm(int64 n, int64 horizon) {
  Tensor unit = Tensor::zeros({n, n});
  for (int64 i = 0; i < n; ++i) unit.mutable_data()[i * n + i] = 1;
  return {.queries = unit, .hypotheses = unit, .horizon = horizon};
}

void ExplorationGame::check() const {
  if (queries.rank() != 2 || hypotheses.rank() != 2 || queries.dim(0) != queries.dim(1) ||
      hypotheses.dim(1) != queries.dim(1) || queries.dim(0) < 1 || hypotheses.dim(0) < 1)
    fail<UsageError>("exploration: queries {} and hypotheses {}; there are as many queries as dimensions",
                     queries.shape().str(), hypotheses.shape().str());
  if (horizon < 1) fail<UsageError>("exploration: horizon = {}", horizon);
}

Parameters exploration_policy(const ExplorationGame& game, int64 hidden, const Rng& rng) {
  game.check();
  const int64 n = game.queries.dim(0), m = game.hypotheses.dim(0), in = 3 * n + 1;
  Parameters all;
  const auto layer = [&](const std::string& suffix, int64 out, int64 fan_in, double factor) {
    Rng own = rng.fork(std::string_view(suffix));
    const auto std = static_cast<real>(factor * std::sqrt(2 / static_cast<double>(fan_in)));
    all.push_back(make_parameter("w" + suffix, ParamKind::kWeight, own.normal_tensor({out, fan_in}, 0, std)));
    all.push_back(make_parameter("b" + suffix, ParamKind::kBias, Tensor::zeros({out})));
  };
  layer("1", hidden, in, 1), layer("2", hidden, hidden, 1);
  layer("_action", n, hidden, 0.1), layer("_output", m, hidden, 0.1);
  return all;
}

PolicyWeights weights_of(const Parameters& policy) {
  PolicyWeights w;
  for (const ParameterPtr& p : policy) w.push_back(p->value);
  return w;
}

namespace {

Tensor trunk(const PolicyWeights& w, const Tensor& x) {
  return relu(matmul(relu(matmul(x, w[0], false, true) + w[1]), w[2], false, true) + w[3]);
}

}  // namespace

Tensor action_logits(const PolicyWeights& w, const Tensor& features) {
  return matmul(trunk(w, features), w[4], false, true) + w[5];
}

Tensor output_logits(const ExplorationGame& game, const PolicyWeights& w, const Tensor& features,
                     const Tensor& theta_hat) {
  return matmul(trunk(w, features), w[6], false, true) + w[7] +
         matmul(theta_hat, game.hypotheses, false, true);
}

Rollouts play(const ExplorationGame& game, const PolicyWeights& w, const Tensor& thetas, const Tensor& u,
              const Tensor& draws) {
  check_draws(game, thetas, draws);
  if (u.shape() != draws.shape())
    fail<ShapeError>("exploration: draws {} and {}", u.shape().str(), draws.shape().str());
  const Recording off(false);
  const int64 episodes = thetas.dim(0), steps = game.horizon, n = game.queries.dim(0), d = n,
              m = game.hypotheses.dim(0), width = 3 * n + 1;
  Rollouts out{.actions = IntTensor(Shape{episodes, steps}),
               .observations = Tensor({episodes, steps}),
               .log_p = Tensor({episodes, steps}),
               .features = Tensor({episodes * steps, width}),
               .losses = Tensor({episodes, m}),
               .loss = Tensor({episodes}),
               .score = Tensor::zeros({episodes, d}),
               .theta_gradient = Tensor({episodes, d})};
  History history(episodes, n, steps);
  std::vector<double> p(static_cast<size_t>(n));
  for (int64 t = 0; t < steps; ++t) {
    const Tensor x = history.features(t), pi = softmax(action_logits(w, x));
    for (int64 e = 0; e < episodes; ++e) {
      const int64 at = e * steps + t;
      std::copy_n(x.data() + e * width, width, out.features.mutable_data() + at * width);
      for (int64 i = 0; i < n; ++i) p[static_cast<size_t>(i)] = static_cast<double>(pi.data()[e * n + i]);
      const int64 a = drawn_index(p, static_cast<double>(u.data()[at]));
      const real *query = game.queries.data() + a * d, *theta = thetas.data() + e * d;
      const double mu = row_product(query, theta, d),
                   y = answer(game, mu, static_cast<double>(draws.data()[at]));
      history.add(e, a, y);
      out.actions.mutable_data()[at] = a;
      out.observations.mutable_data()[at] = static_cast<real>(y);
      out.log_p.mutable_data()[at] = static_cast<real>(std::log(p[static_cast<size_t>(a)]));
      const double slope = game.bernoulli() ? y / (1 + y * mu) : y - mu;
      for (int64 i = 0; i < d; ++i)
        out.score.mutable_data()[e * d + i] += static_cast<real>(slope * static_cast<double>(query[i]));
    }
  }
  out.end = history.features(steps), out.theta_hat = history.means();
  out.output = softmax(output_logits(game, w, out.end, out.theta_hat));
  for (int64 e = 0; e < episodes; ++e) {
    const int64 best = losses_of_hypotheses(game, thetas.data() + e * d, out.losses.mutable_data() + e * m);
    const real* q = out.output.data() + e * m;
    const double loss = row_product(q, out.losses.data() + e * m, m);
    out.loss.mutable_data()[e] = static_cast<real>(loss);
    for (int64 i = 0; i < d; ++i) {
      double direct = 0;
      if (game.regret()) {
        direct = static_cast<double>(game.hypotheses.data()[best * d + i]);
        for (int64 z = 0; z < m; ++z)
          direct -= static_cast<double>(q[z]) * static_cast<double>(game.hypotheses.data()[z * d + i]);
      }
      out.theta_gradient.mutable_data()[e * d + i] =
          static_cast<real>(loss * static_cast<double>(out.score.data()[e * d + i]) + direct);
    }
  }
  return out;
}

Tensor play_uniform(const ExplorationGame& game, const Tensor& thetas, const Tensor& draws) {
  check_draws(game, thetas, draws);
  const int64 episodes = thetas.dim(0), n = game.queries.dim(0), d = n, m = game.hypotheses.dim(0);
  History history(episodes, n, game.horizon);
  Tensor loss({episodes});
  std::vector<real> losses(static_cast<size_t>(m));
  for (int64 e = 0; e < episodes; ++e) {
    const real* theta = thetas.data() + e * d;
    for (int64 t = 0; t < game.horizon; ++t) {
      const double mu = row_product(game.queries.data() + (t % n) * d, theta, d);
      history.add(e, t % n, answer(game, mu, static_cast<double>(draws.data()[e * game.horizon + t])));
    }
    losses_of_hypotheses(game, theta, losses.data());
    std::vector<double> reward;
    for (int64 z = 0; z < m; ++z) {
      double sum = 0;
      for (int64 i = 0; i < n; ++i)
        sum += static_cast<double>(game.hypotheses.data()[z * d + i]) *
               history.mean(static_cast<size_t>(e * n + i));
      reward.push_back(sum);
    }
    const double most = *std::max_element(reward.begin(), reward.end());
    double sum = 0, count = 0;
    for (size_t z = 0; z < reward.size(); ++z)
      if (reward[z] == most) sum += static_cast<double>(losses[z]), count += 1;
    loss.mutable_data()[e] = static_cast<real>(sum / count);
  }
  return loss;
}

}  // namespace gradus
