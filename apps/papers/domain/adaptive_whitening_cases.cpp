#include "apps/papers/domain/adaptive_whitening_cases.h"

#include <algorithm>

#include "apps/papers/landscape.h"
#include "optim/methods/gain_whitening.h"

namespace gradus {
namespace adaptive_whitening_cases {

// Row i of a stack of rows.
void put_row(Tensor& stack, int64 i, const Tensor& row) {
  std::copy_n(row.data(), row.numel(), stack.mutable_data() + i * row.numel());
}

CaseFunction online() {
  return case_function<GainWhiteningOptions>(
      {"whiten-online",
       "gains after each batch, and the last batch's outputs",
       {{"W", "N,K"}, {"g", "K"}, {"x", "T,N,B"}},
       {{"gains", "T,K"}, {"y_last", "N,B"}}},
      [](const GainWhiteningOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor &W = in.tensor("W"), &x = in.tensor("x");
        Tensor g = in.tensor("g").clone(), gains({x.dim(0), W.dim(1)}),
               y = Tensor::zeros({x.dim(1), x.dim(2)});
        for (int64 t = 0; t < x.dim(0); ++t) {
          y = gain_step_online(W, g, x.rows(t, t + 1).view({x.dim(1), x.dim(2)}), o);
          put_row(gains, t, g);
        }
        out.set("gains", gains);
        out.set("y_last", y);
      });
}

struct Offline : GainWhiteningOptions {
  int64 steps = 50;
  std::string error = "fro";
  void visit(auto&& f) {
    GainWhiteningOptions::visit(f);
    f("steps", steps, "on each covariance", at_least(1));
    f("error", error, "which one is recorded", choices({"fro", "operator", "spectral"}));
  }
};

CaseFunction offline() {
  return case_function<Offline>(
      {"whiten-offline",
       "steps on one covariance after the other; the error before each, gains after each covariance",
       {{"W", "N,K"}, {"g", "K"}, {"covariances", "c,N,N"}},
       {{"gains", "c,K"}, {"errors", "c*steps"}}},
      [](const Offline& o, const CaseValues& in, CaseValues& out) {
        const Tensor &W = in.tensor("W"), &all = in.tensor("covariances");
        Tensor g = in.tensor("g").clone(), gains({all.dim(0), W.dim(1)});
        std::vector<double> errors;
        for (int64 c = 0; c < all.dim(0); ++c) {
          const Tensor covariance = all.rows(c, c + 1).view({all.dim(1), all.dim(2)});
          for (int64 t = 0; t < o.steps; ++t) {
            const WhiteningError e = whitening_error(W, g, covariance, o);
            errors.push_back(o.error == "fro" ? e.fro : o.error == "operator" ? e.largest : e.spectral);
            gain_step_offline(W, g, covariance, o);
          }
          put_row(gains, c, g);
        }
        out.set("gains", gains);
        out.set("errors", tensor_of(errors));
      });
}

CaseFunction optimal() {
  return case_function<NoOptions>({"optimal-gains",
                                   "gains that whiten, in closed form",
                                   {{"W", "N,K"}, {"covariance", "N,N"}},
                                   {{"gains", "K"}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    out.set("gains", optimal_gains(in.tensor("W"), in.tensor("covariance")));
                                  });
}

CaseFunction error() {
  return case_function<LeakOptions>({"whitening-error",
                                     "three measures of how far the output is from white",
                                     {{"W", "N,K"}, {"g", "K"}, {"covariance", "N,N"}},
                                     {{"fro", ""}, {"operator", ""}, {"spectral", ""}}},
                                    [](const LeakOptions& o, const CaseValues& in, CaseValues& out) {
                                      const WhiteningError e = whitening_error(in.tensor("W"), in.tensor("g"),
                                                                               in.tensor("covariance"), o);
                                      out.set("fro", e.fro);
                                      out.set("operator", e.largest);
                                      out.set("spectral", e.spectral);
                                    });
}

struct Window {
  int64 height = 3, width = 3, window_height = 2, window_width = 2;
  void visit(auto&& f) {
    f("height", height, "of the image", between(1, 64));
    f("width", width, "of the image", between(1, 64));
    f("window_height", window_height, "rows of two pixels of a pair differ by less", at_least(1));
    f("window_width", window_width, "columns of two pixels of a pair differ by less", at_least(1));
  }
};

CaseFunction frame() {
  return case_function<Window>(
      {"local-frame", "all pixels and all pairs of near ones", {}, {{"W", "height*width,K"}}},
      [](const Window& o, const CaseValues&, CaseValues& out) {
        out.set("W", local_frame(o.height, o.width, o.window_height, o.window_width));
      });
}

}  // namespace adaptive_whitening_cases

std::vector<CaseFunction> adaptive_whitening_functions() {
  using namespace adaptive_whitening_cases;
  return {online(), offline(), optimal(), error(), frame()};
}

}  // namespace gradus
