#include "apps/papers/testtime/rna_cases.h"

#include "apps/papers/landscape.h"
#include "apps/testtime/feedback_adaptation.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "nn/testtime/film.h"

namespace gradus {
namespace rna_cases {

CaseFunction modulation() {
  return case_function<FilmOptions>(
      {"film-modulation",
       "features moved by a controller's embedding before their rectifier, and gradients",
       {{"features", "B,C,h,w"},
        {"embedding", "B,E,eh,ew"},
        {"beta_weight", "...", CaseType::kReal, "(C,E,3,3), not spatial (C,E)"},
        {"beta_bias", "C"},
        {"alpha_weight", "...", CaseType::kReal, "for film=full", true},
        {"alpha_bias", "C", CaseType::kReal, "for film=full", true},
        {"grad_output", "B,C,h,w"}},
       {{"output", "B,C,h,w"}, {"grad_features", "B,C,h,w"}, {"grad_embedding", "B,E,eh,ew"}}},
      [](const FilmOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor features = variable(in.tensor("features")), embedding = variable(in.tensor("embedding"));
        FilmHead head{in.tensor("beta_weight"), in.tensor("beta_bias"), {}, {}};
        if (o.film == "full")
          head.alpha_weight = in.tensor("alpha_weight"), head.alpha_bias = in.tensor("alpha_bias");
        const Tensor y = film_modulation(features, embedding, head, o);
        const std::vector<Tensor> g = grad(sum(y * in.tensor("grad_output")), {features, embedding});
        out.set("output", y.detach());
        out.set("grad_features", g[0]);
        out.set("grad_embedding", g[1]);
      });
}

struct Density {
  double density = 0.02;
  void visit(auto&& f) { f("density", density, "share of positions with feedback", between(0, 1)); }
};

CaseFunction input() {
  return case_function<Density>(
      {"controller-input",
       "what the controller sees: target and prediction where feedback is",
       {{"target", "B,c,h,w"},
        {"prediction", "B,c,h,w"},
        {"uniform", "B,1,h,w", CaseType::kReal, "draws in [0,1)"},
        {"valid", "B,1,h,w", CaseType::kInt}},
       {{"mask", "B,1,h,w", CaseType::kInt}, {"input", "B,2*c,h,w"}}},
      [](const Density& o, const CaseValues& in, CaseValues& out) {
        const IntTensor mask = feedback_mask(in.tensor("uniform"), in.ints("valid"), o.density);
        out.set("mask", mask);
        out.set("input", controller_input(in.tensor("target"), in.tensor("prediction"), mask_values(mask)));
      });
}

CaseFunction l1() {
  return case_function<MaskedL1Options>(
      {"masked-l1",
       "mean distance where the mask is 1, and its gradient",
       {{"prediction", "..."}, {"target", "..."}, {"mask", "...", CaseType::kInt}},
       {{"loss", ""}, {"grad_prediction", "..."}}},
      [](const MaskedL1Options& o, const CaseValues& in, CaseValues& out) {
        const Tensor prediction = variable(in.tensor("prediction"));
        const Tensor loss = masked_l1(prediction, in.tensor("target"), mask_values(in.ints("mask")), o);
        out.set("grad_prediction", grad(loss, {prediction})[0]);
        out.set("loss", loss.detach());
      });
}

ModulatedNet net_of(const CaseValues& in) {
  return {in.tensor("main_w1"), in.tensor("main_b1"), in.tensor("main_w2"), in.tensor("main_b2")};
}

std::vector<CaseSlot> net_slots(const std::vector<CaseSlot>& more) {
  std::vector<CaseSlot> all = {{"main_w1", "H,di"}, {"main_b1", "H"}, {"main_w2", "dy,H"}, {"main_b2", "dy"}};
  all.insert(all.end(), more.begin(), more.end());
  for (const CaseSlot& s : {CaseSlot{"x_test", "b,di"}, CaseSlot{"y_test", "b,dy"},
                            CaseSlot{"mask_test", "b,dy", CaseType::kInt}})
    all.push_back(s);
  return all;
}

struct Train : ControllerTrainingOptions {
  int64 iterations = 1;
  void visit(auto&& f) {
    ControllerTrainingOptions::visit(f);
    f("iterations", iterations, "passes of the closed loop on the test batch", at_least(0));
  }
};

CaseFunction train() {
  return case_function<Train>(
      {"rna-train",
       "a controller's steps on batches, then its prediction on a test batch",
       net_slots({{"ctrl_w", "E,2*dy"},
                  {"ctrl_b", "E"},
                  {"film_w", "H,E"},
                  {"film_b", "H"},
                  {"x", "S,B,di"},
                  {"y", "S,B,dy"},
                  {"mask", "S,B,dy", CaseType::kInt}}),
       {{"losses", "S"},
        {"prediction", "b,dy"},
        {"ctrl_w", "E,2*dy"},
        {"ctrl_b", "E"},
        {"film_w", "H,E"},
        {"film_b", "H"}}},
      [](const Train& o, const CaseValues& in, CaseValues& out) {
        const ModulatedNet net = net_of(in);
        ControllerTraining training(
            net, {in.tensor("ctrl_w"), in.tensor("ctrl_b"), in.tensor("film_w"), in.tensor("film_b")}, o);
        const Tensor &x = in.tensor("x"), &y = in.tensor("y"), mask = mask_values(in.ints("mask"));
        const int64 steps = x.dim(0), batch = x.dim(1), width = y.dim(2);
        Tensor losses({steps});
        for (int64 s = 0; s < steps; ++s) {
          const auto of_step = [&](const Tensor& t, int64 columns) {
            return t.rows(s, s + 1).view({batch, columns});
          };
          losses.mutable_data()[s] =
              static_cast<real>(training.step(of_step(x, x.dim(2)), of_step(y, width), of_step(mask, width)));
        }
        const FeedbackController trained = training.controller();
        out.set("losses", losses);
        out.set("prediction", adapt_to_feedback(net, trained, in.tensor("x_test"), in.tensor("y_test"),
                                                mask_values(in.ints("mask_test")), o.iterations));
        out.set("ctrl_w", trained.ctrl_w);
        out.set("ctrl_b", trained.ctrl_b);
        out.set("film_w", trained.film_w);
        out.set("film_b", trained.film_b);
      });
}

CaseFunction by_gradient() {
  return case_function<GradientAdaptationOptions>(
      {"tto-adapt",
       "baseline: gradient steps on the feedback of a test batch",
       net_slots({}),
       {{"losses", "steps"}, {"main_b1", "H"}, {"prediction", "b,dy"}}},
      [](const GradientAdaptationOptions& o, const CaseValues& in, CaseValues& out) {
        const GradientAdaptation after = adapt_by_gradient(
            net_of(in), in.tensor("x_test"), in.tensor("y_test"), mask_values(in.ints("mask_test")), o);
        out.set("losses", tensor_of(after.losses));
        out.set("main_b1", after.b1);
        out.set("prediction", after.prediction);
      });
}

}  // namespace rna_cases

std::vector<CaseFunction> rna_functions() {
  using namespace rna_cases;
  return {modulation(), input(), l1(), train(), by_gradient()};
}

}  // namespace gradus
