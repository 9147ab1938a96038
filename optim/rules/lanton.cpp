// LANTON: steps of fixed norm, smaller where a layer's gradient is noisier.
// Paper: Hao, Gong, Xu, Wang, Liu, "Noise-Adaptive Layerwise Learning Rates: Accelerating Geometry-Aware Optimization
//        for Deep Neural Network Training", 2025, arXiv 2510.14009.
//   B = beta1*B + (1-beta1)*G;   O = the point of the unit ball where <B, O> is smallest:
//     matrices:           -sqrt(out/in) * newton_schulz(B)      (scale dmuon: 0.2*sqrt(max(out,in)) in place of the root)
//     embeddings, heads:  -sign(B)                vectors: -sqrt(d)*B/||B||
//   D = G - G', G' of a second batch (option I) or of the step before (option II)
//   noise in the dual norm: sqrt(out/in)*<D, newton_schulz(D)>;  sum |D|;  sqrt(d)*||D||
//   H = beta2*H + (1-beta2)*noise^2;   a = alpha/sqrt(alpha^2 + H);   lr_l = lr*sqrt(a/a_max)
//   W <- W*(1 - lr_l*weight_decay) + lr_l*O
// a_max over the layers of one norm (matrices; embeddings and heads; vectors). No public code; the outer root of the
// ratio is as on the paper's line 6.
#include "optim/rules/families.h"
#include "optim/rules/matrix.h"
#include "optim/rules/whole.h"

namespace gradus::rules {
namespace {

struct Lanton {
  struct Options {
    double lr = 1e-2, beta1 = 0.95, beta2 = 0.9, alpha = 1, weight_decay = 0.1;
    std::string option = "II", scale = "rms";
    int64 ns_steps = 5;
    void visit(auto&& f) {
      f("lr", lr, "step size of the quietest layer", positive());
      f("beta1", beta1, "decay of the momentum", decay_rate());
      f("beta2", beta2, "decay of the squared noise", decay_rate());
      f("alpha", alpha, "noise at which a layer slows down", positive());
      f("weight_decay", weight_decay, "decoupled decay", at_least(0));
      f("option", option, "noise from a second batch (I) or from the step before (II)", choices({"I", "II"}));
      f("scale", scale, "size of a matrix step", choices({"rms", "dmuon"}));
      f("ns_steps", ns_steps, "Newton-Schulz iterations", at_least(1));
    }
  };
  static Needs needs(const Options& o) { return {.second_batch = o.option == "I"}; }

  enum Geometry { kMatrix, kSign, kVector };
  static Geometry geometry(const Param& p) {
    if (p.kind == ParamKind::kEmbedding || p.kind == ParamKind::kHead) return kSign;
    return takes_matrix(p) ? kMatrix : kVector;
  }
  static double aspect(const Param& p) {
    return std::sqrt(static_cast<double>(p.rows()) / static_cast<double>(p.cols()));
  }
  static Tensor orthogonal(const Tensor& x, const Options& o) {
    return linalg::newton_schulz(as_matrix(x), linalg::newton_schulz_classic(static_cast<int>(o.ns_steps)));
  }

  // -O: what is subtracted.
  static Tensor direction(const Param& p, const Tensor& b, const Options& o) {
    const Geometry g = geometry(p);
    Tensor u = g == kMatrix ? orthogonal(b, o) : b.clone();
    double factor = 1;
    if (g == kMatrix) {
      const double longer = static_cast<double>(std::max(p.rows(), p.cols()));
      factor = o.scale == "rms" ? aspect(p) : 0.2 * std::sqrt(longer);
    } else if (g == kVector) {
      const double length = norm(b);
      factor = length > 0 ? std::sqrt(static_cast<double>(b.numel())) / length : 0;
    }
    for_each_element(u, [=, c = real(factor)](real& x) { x = g == kSign ? sign(x) : c * x; });
    return u;
  }

  static double noise(const Param& p, const Tensor& d, const Options& o) {
    switch (geometry(p)) {
      case kMatrix:
        return aspect(p) * dot(d, orthogonal(d, o));
      case kSign:
        return sum_elements(d, [](real x) { return static_cast<double>(std::abs(x)); });
      case kVector:
        break;
    }
    return std::sqrt(static_cast<double>(d.numel())) * norm(d);
  }

  static void step(Pass<Options>& pass) {
    const Options& o = pass.options;
    std::vector<Tensor> second;
    if (o.option == "I") second = Around(pass).gradients(pass.objective.second_batch());
    std::vector<double> a;
    double top[3] = {0, 0, 0};
    for (auto& item : pass.items) {
      double& h = item.s.scalar("H");
      Tensor d = item.p.grad.clone();
      const Tensor other = o.option == "I" ? second[item.p.index] : item.s("previous");
      for_each_element(d, other, [](real& x, real y) { x -= y; });
      if (o.option == "I" || item.t > 1) {
        const double now = noise(item.p, d, item.o);
        h = item.o.beta2 * h + (1 - item.o.beta2) * now * now;
      }
      if (o.option == "II") item.s("previous").copy_from(item.p.grad);
      a.push_back(item.o.alpha / std::sqrt(item.o.alpha * item.o.alpha + h));
      double& best = top[geometry(item.p)];
      best = std::max(best, a.back());
    }
    for (auto& item : pass.items) {
      const double lr = item.o.lr * pass.info.lr_scale * std::sqrt(a[item.p.index] / top[geometry(item.p)]);
      Tensor& b = item.s("m");
      for_each_element(b, item.p.grad, [mean = Ema(item.o.beta1)](real& x, real g) { x = mean(x, g); });
      descend(item.p, direction(item.p, b, item.o), lr, item.o.weight_decay);
    }
  }
};

}  // namespace

OptimizerEntry lanton() {
  return rule_entry<Lanton>({"lanton", "steps of fixed norm per layer, smaller where the gradient is noisier",
                             "Hao, Gong, Xu, Wang, Liu, 2025, arXiv 2510.14009"});
}

std::vector<OptimizerEntry> matrix_rules() {
  return {signum(), shampoo(), soap(), whitening_soap(), splus(), spa(),
          muon(),   adamuon(), psgd(), adago(),          lanton()};
}

}  // namespace gradus::rules
