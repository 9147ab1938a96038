// SMB.
// Paper: Birbil, Martin, Onay, Oztoprak, "Bolstering Stochastic Gradient Descent with Model Building", TOP 2024, arXiv 2111.07058.
//   s = -lr*g;  accepted if f(w + s) <= f(w) - c*lr*||g||^2 on the same batch
//   else, for every tensor, the minimiser of a quadratic model from the gradients at w and w + s
// The claims at our scale: with its default step size, 0.5, it ends at a lower training loss than SGD with its best one after as many
// epochs, and within 0.2 points of tuned Adam on test data.
// Departures: a perceptron on MNIST alone. An epoch of SMB costs up to two evaluations of the gradient a batch; here epochs count.
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

const TrainConfig kModelStepSetting{.data = "mnist:limit=10000",
                                    .model = "mlp:hidden=100-100",
                                    .schedule = "constant",
                                    .epochs = 6,
                                    .batch_size = 128,
                                    .eval_every = kAtTheEnd};

Outcome smb_run(const Trial& trial) {
  TrainConfig config = kModelStepSetting;
  config.optim = "smb:lr=0.5";
  return trial.train(config);
}

void smb_experiment(Experiment& e) {
  e.setting(kModelStepSetting);
  e.arm("smb").run(smb_run).untuned("its default is the claim");
  e.arm("sgd").optim("sgd").tune("lr", {0.03, 0.1, 0.3, 1});
  e.arm("adam").optim("adam").tune("lr", {3e-4, 1e-3, 3e-3, 1e-2});
  e.seeds(5);
  e.claim("lower training loss than tuned SGD", better("smb", "sgd", "train_loss"));
  e.claim("test accuracy no more than 0.2 points below tuned Adam's",
          not_worse("smb", "adam", "test_accuracy", 0.002));
  e.claim("lower training loss than tuned Adam", better("smb", "adam", "train_loss").reported_only());
}

}  // namespace

Paper smb() {
  return {.slug = "smb",
          .family = "stepsize",
          .title = "Bolstering Stochastic Gradient Descent with Model Building",
          .authors = "Birbil, Martin, Onay et al.",
          .venue = "TOP",
          .year = 2024,
          .arxiv = "2111.07058",
          .idea =
              "Where a trial step does not lower the loss of its batch enough, a quadratic model of "
              "each tensor says where to go instead of a line search. Claimed: faster convergence "
              "and better generalisation with little tuning.",
          .equations =
              "s = -lr*g\n"
              "accept if f(w + s) <= f(w) - c*lr*||g||^2\n"
              "else (y s' + s y' + 2*sigma*I) step = -||s||^2 * g,  y = grad f(w + s) - g",
          .files = {"optim/rules/smb.cpp"},
          .use = "gradus train --optim smb:lr=0.5",
          .experiment = smb_experiment,
          .minutes = 2};
}

}  // namespace gradus::paper_entries
