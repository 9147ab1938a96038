// Grokfast: gradients with their slow part amplified.
// Paper: Lee, Kang, Kim, Lee, "Grokfast: Accelerated Grokking by Amplifying Slow Gradients", 2024, arXiv 2405.20233.
//   grokfast:    m = alpha*m + (1-alpha)*g (m = g in step 1);   g <- g + lamb*m
//   grokfast-ma: q the last `window` gradients with this one;   g <- g + lamb*(mean of q, or sum)
//                warmup: g as it is while there are fewer than `window`
// The sum is kept from step to step, and taken anew every `window` steps, so that no rounding stays.
#include "optim/rules/matrix_zoo.h"
#include "optim/transform.h"
#include "optim/vocabulary/ring.h"
#include "optim/vocabulary/words.h"

namespace gradus::rules {
namespace {

void amplify(Tensor& g, const Tensor& slow, double factor) {
  for_each_element(g, slow, [c = real(factor)](real& x, real m) { x += c * m; });
}

struct Grokfast {
  struct Options {
    double alpha = 0.98, lamb = 2;
    void visit(auto&& f) {
      f("alpha", alpha, "decay of the gradient mean", decay_rate());
      f("lamb", lamb, "weight of the mean beside the gradient", at_least(0));
    }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      Tensor& m = item.s.starting_at("slow", item.grad);
      if (all.first && item.t > 1)
        for_each_element(m, std::as_const(item.grad),
                         [mean = Ema(item.o.alpha)](real& x, real g) { x = mean(x, g); });
      amplify(item.grad, m, item.o.lamb);
    }
  }
};

struct GrokfastMa {
  struct Options {
    int64 window = 100;
    double lamb = 5;
    std::string filter = "mean";
    bool warmup = true;
    void visit(auto&& f) {
      f("window", window, "gradients in the moving mean", at_least(1));
      f("lamb", lamb, "weight of the mean beside the gradient", at_least(0));
      f("filter", filter, "of the last gradients", choices({"mean", "sum"}));
      f("warmup", warmup, "leave gradients alone until the window is full");
    }
  };
  static void transform(Gradients<Options>& all) {
    for (auto& item : all.items) {
      const Options& o = item.o;
      Ring ring(item.s, o.window);
      Tensor& sum = item.s("sum");
      if (all.first) remember(ring, sum, item.grad, o.window);
      if (o.warmup && !ring.full()) continue;
      const double count = static_cast<double>(std::min(ring.pushed(), o.window));
      amplify(item.grad, sum, o.filter == "mean" ? o.lamb / count : o.lamb);
    }
  }

  static void remember(Ring& ring, Tensor& sum, const Tensor& g, int64 window) {
    for_each_element(sum, ring.open(), g, [](real& total, real& place, real x) {
      total += x - place;
      place = x;
    });
    if (ring.pushed() % window != 0) return;
    sum.fill(0);
    for (int64 i = 0; i < window; ++i)
      for_each_element(sum, std::as_const(ring[i]), [](real& total, real x) { total += x; });
  }
};

}  // namespace

OptimizerEntry grokfast() {
  return transform_entry<Grokfast>({"grokfast", "adds the gradients' running mean to them",
                                    "Lee, Kang, Kim, Lee, 2024, arXiv 2405.20233", 4});
}
OptimizerEntry grokfast_ma() {
  return transform_entry<GrokfastMa>({"grokfast-ma", "adds the mean of the last gradients to them",
                                      "Lee, Kang, Kim, Lee, 2024, arXiv 2405.20233", 5});
}

}  // namespace gradus::rules
