// LARS.
// Paper: You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks", 2017, arXiv 1708.03888.
//   local = trust_coefficient*||w||/(||g|| + weight_decay*||w||)
//   v = momentum*v + lr*local*(g + weight_decay*w)
//   w = w - v
// The claims at our scale: with batches 16 times as large and as many epochs it loses half a point at most against SGD with
// momentum on small batches, and ends above SGD with momentum on large ones.
// Departures: a small network without normalisation on 5,000 images of Fashion-MNIST, 20 epochs, in place of AlexNet and ResNet-50;
// batches of 32 and 512; two epochs of warm-up for both large-batch arms. Biases have a local step size like all tensors (exclude_1d off).
// Tried before: 8,000 images, 10 epochs, batches of 64 and 1,024, that is 80 steps; biases excluded, which gave them plain steps of the
// global step size, 8 and more, under which training broke down: one of four seeds at chance, 29 points below SGD on small batches [-10, 68].
#include "apps/papers/entries.h"
#include "apps/papers/experiment.h"
#include "apps/papers/settings.h"

namespace gradus::paper_entries {
namespace {

void lars_experiment(Experiment& e) {
  TrainConfig small = small_images(5000, 20), large = small;
  small.batch_size = 32;
  large.batch_size = 512;
  large.schedule = "polynomial:power=2,warmup=20";
  e.setting("small", small);
  e.setting("large", large);
  e.arm("lars")
      .setting("large")
      .optim("lars:weight_decay=5e-4,exclude_1d=false")
      .tune("lr", {8, 16, 32, 48, 64});
  e.arm("sgd-large")
      .setting("large")
      .optim("sgd:momentum=0.9,weight_decay=5e-4")
      .tune("lr", {0.03, 0.06, 0.12, 0.25, 0.5});
  e.arm("sgd-small")
      .setting("small")
      .optim("sgd:momentum=0.9,weight_decay=5e-4")
      .tune("lr", {0.006, 0.012, 0.025, 0.05, 0.1});
  e.seeds(6);
  e.claim("test accuracy no more than half a point below SGD on small batches",
          not_worse("lars", "sgd-small", "test_accuracy", 0.005));
  e.claim("higher test accuracy than SGD on large batches", better("lars", "sgd-large", "test_accuracy"));
}

}  // namespace

Paper lars() {
  return {.slug = "lars",
          .family = "layerwise",
          .title = "Large Batch Training of Convolutional Networks",
          .authors = "You, Gitman, Ginsburg",
          .venue = "arXiv",
          .year = 2017,
          .arxiv = "1708.03888",
          .idea =
              "Every layer has a step size proportional to the norm of its weights over that of its "
              "gradient. Claimed: convolutional networks train with batches of thousands without "
              "loss of accuracy.",
          .equations =
              "local = trust_coefficient*||w||/(||g|| + weight_decay*||w||)\n"
              "v = momentum*v + lr*local*(g + weight_decay*w)\n"
              "w = w - v",
          .files = {"optim/rules/lars.cpp"},
          .use = "gradus train --optim lars:lr=16 --batch-size 1024",
          .experiment = lars_experiment,
          .minutes = 4};
}

}  // namespace gradus::paper_entries
