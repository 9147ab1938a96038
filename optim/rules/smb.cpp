// SMB: a trial step, and where it fails the minimiser of a quadratic model of every tensor.
// Paper: Birbil, Martin, Onay, Oztoprak, "Bolstering Stochastic Gradient Descent with Model Building", TOP 2024, arXiv
//        2111.07058.
//   s_t = -lr*g;  accept w + s_t if f(w + s_t) <= f(w) - c*lr*||g||^2 (all tensors, same batch), else per tensor
//   y = grad f(w + s_t) - g
//   sigma = (||s_t||*(||y|| + ||g||/eta) - <y,s_t>)/2;   theta = (<y,s_t> + 2*sigma)^2 - ||s_t||^2*||y||^2
//   cg = -||s_t||^2/(2*sigma);   cs = cg/theta * (-(<y,s_t> + 2*sigma)*<y,g> + ||y||^2*<s_t,g>)
//   cy = cg/theta * (-(<y,s_t> + 2*sigma)*<s_t,g> + ||s_t||^2*<y,g>);    w <- w + cs*s_t + cg*g + cy*y
// independent_batch (SMBi): a failed trial only keeps g; the next batch makes the model step, with the kept gradient
// in place of g in <y,g>, <s_t,g> and cg*g. autoschedule: after n_batches_per_epoch steps lr *= beta if more than a
// share gamma (SMBi: gamma/2) of them were model steps, else lr /= beta unless that exceeds lr_max.
// Tensors with g = 0 do not move (the published code divides by zero).
#include <cmath>

#include "optim/rules/families.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct Smb {
  struct Options {
    double lr = 1, eta = 0.99, c = 0.1, gamma = 0.05, beta = 0.9, lr_max = 20;
    bool independent_batch = false, autoschedule = false;
    int64 n_batches_per_epoch = 500;
    void visit(auto&& f) {
      f("lr", lr, "step size of the trial", positive());
      f("eta", eta, "length of a model step is at most eta times the trial's",
        {.low = 0, .high = 1, .low_open = true});
      f("c", c, "share of lr*||g||^2 by which the loss must fall", at_least(0));
      f("independent_batch", independent_batch, "model steps on the next batch (SMBi)");
      f("autoschedule", autoschedule, "change lr by the share of model steps");
      f("n_batches_per_epoch", n_batches_per_epoch, "steps between changes of lr", at_least(1));
      f("gamma", gamma, "share of model steps that lowers lr", at_least(0));
      f("beta", beta, "factor on lr", {.low = 0, .high = 1, .low_open = true, .high_open = true});
      f("lr_max", lr_max, "largest lr of the autoschedule", positive());
    }
  };
  static Needs needs(const Options&) { return {.loss = true, .re_evaluation = true}; }

  // cs*s_t + cg*kept + cy*y for one tensor; `kept` is g but for SMBi.
  static Tensor model_step(const Tensor& st, const Tensor& g, const Tensor& gt, const Tensor& kept,
                           double eta) {
    Tensor y = gt.clone(), s = st.clone();
    for_each_element(y, g, [](real& a, real b) { a -= b; });
    const double ys = dot(y, st), ss = sum_of_squares(st), yy = sum_of_squares(y), gg = sum_of_squares(g);
    const double yg = dot(y, kept), sg = dot(st, kept);
    const double sigma = 0.5 * (std::sqrt(ss) * (std::sqrt(yy) + std::sqrt(gg) / eta) - ys);
    const double inner = ys + 2 * sigma, theta = inner * inner - ss * yy;
    if (!(sigma > 0 && theta > 0)) return s;
    const double cg = -ss / (2 * sigma), cs = cg / theta * (-inner * yg + yy * sg),
                 cy = cg / theta * (-inner * sg + ss * yg);
    const Tensor& difference = y;
    for_each_element(
        s, kept, difference,
        [a = real(cs), b = real(cg), c = real(cy)](real& x, real k, real d) { x = a * x + b * k + c * d; });
    return s;
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    double& base = pass.shared.scalar("lr", o.lr);
    const double lr = base * pass.info.lr_scale;
    std::vector<Tensor> trial;
    double square = 0, decrease = 0;
    for (const auto& item : pass.items) {
      const double own = lr * item.o.lr / o.lr, n2 = sum_of_squares(item.p.grad);
      square += n2, decrease += item.o.c * own * n2;
      trial.push_back(item.p.grad.clone());
      for_each_element(trial.back(), [c = real(-own)](real& x) { x *= c; });
    }
    TrialWeights weights(pass);
    weights.move_to(trial);
    double& pending = pass.shared.scalar("pending");
    const bool owed = o.independent_batch && pending != 0;
    bool model = owed;
    if (!owed) {
      const double loss = pass.objective.loss();
      const bool accept = loss <= pass.info.loss - decrease || std::sqrt(square) < 1e-8;
      model = !accept && !o.independent_batch;
      if (!accept && o.independent_batch) {
        for (auto& item : pass.items) item.s("g").copy_from(item.p.grad);
        weights.restore();
      }
      pending = !accept && o.independent_batch;
    }
    if (model) {
      const std::vector<Tensor> at_trial = Around(pass).gradients();
      for (size_t i = 0; i < pass.items.size(); ++i) {
        auto& item = pass.items[i];
        const Tensor kept = owed ? item.s("g") : item.p.grad;
        trial[i] = model_step(trial[i], item.p.grad, at_trial[i], kept, item.o.eta);
      }
      weights.move_to(trial);
      pending = 0;
    }
    weights.keep();
    if (o.autoschedule) schedule(pass.shared, o, base, model);
  }

  static void schedule(State& shared, const Options& o, double& lr, bool model) {
    double &count = shared.scalar("logged"), &models = shared.scalar("models");
    ++count, models += model;
    if (static_cast<int64>(count) < o.n_batches_per_epoch) return;
    if (models / count > (o.independent_batch ? o.gamma / 2 : o.gamma)) {
      lr *= o.beta;
    } else if (lr / o.beta <= o.lr_max) {
      lr /= o.beta;
    }
    count = models = 0;
  }
};

}  // namespace

OptimizerEntry smb() {
  return rule_entry<Smb>({"smb",
                          "replaces a failed step by the minimiser of a quadratic model of each tensor",
                          "Birbil, Martin, Onay, Oztoprak, TOP 2024, arXiv 2111.07058", 6});
}

}  // namespace gradus::rules
