#include "apps/papers/federated/local_scaling_cases.h"

#include "apps/federated/scaled_rounds.h"
#include "apps/papers/federated/least_squares.h"
#include "apps/papers/federated/least_squares_slots.h"
#include "autograd/functional/flat.h"

namespace gradus {
namespace local_scaling_cases {

using namespace least_squares;

struct Update : ScalingOptions {
  void visit(auto&& f) { ScalingOptions::visit(f); }
};

CaseFunction scaling_update() {
  return case_function<Update>({"scaling-update",
                                "the scaling, and the divisor made of it, after each statistic",
                                {{"h", "P,d"}},
                                {{"D", "P,d"}, {"D_hat", "P,d"}}},
                               [](const Update& o, const CaseValues& in, CaseValues& out) {
                                 const Tensor& h = in.tensor("h");
                                 DiagonalScaling scaling(o);
                                 std::vector<Tensor> d, hat;
                                 for (int64 p = 0; p < h.dim(0); ++p) {
                                   scaling.update(h.rows(p, p + 1).view({h.dim(1)}));
                                   d.push_back(scaling.d().clone());
                                   hat.push_back(scaling.floored());
                                 }
                                 out.set("D", flatten_all(d).view(h.shape()));
                                 out.set("D_hat", flatten_all(hat).view(h.shape()));
                               });
}

// Batches (P,M,B) and directions (P,d) as prescribed.
class Prescribed final : public ScalingStatistics {
 public:
  Prescribed(LeastSquaresProblem& problem, const IntTensor& batches, const Tensor& directions)
      : problem_(problem), batches_(batches), directions_(directions) {}
  Objective* batch(int64 index, int64 client) override {
    if (client >= batches_.dim(1)) return nullptr;
    const int64 width = batches_.dim(2), first = (index * batches_.dim(1) + client) * width;
    return problem_.batch_of(batches_.span().subspan(static_cast<size_t>(first), static_cast<size_t>(width)));
  }
  Tensor direction(int64 index) override {
    return directions_.rows(index, index + 1).view({directions_.dim(1)});
  }

 private:
  LeastSquaresProblem& problem_;
  IntTensor batches_;
  Tensor directions_;
};

struct NoneAtAll {
  void visit(auto&&) {}
};

CaseFunction hutchinson() {
  return case_function<NoneAtAll>(
      {"hutchinson-diagonal",
       "u times the mean over clients with a batch of their Hessians times u",
       {{"x", "N,i"},
        {"weight", "o,i"},
        {"bias", "o"},
        {"batches", "M,B", CaseType::kInt, "rows of each client; -1: padding"},
        {"u", "o*i+o"}},
       {{"h", "o*i+o"}}},
      [](const NoneAtAll&, const CaseValues& in, CaseValues& out) {
        const Tensor &x = in.tensor("x"), &u = in.tensor("u");
        const IntTensor& batches = in.ints("batches");
        const int64 clients = batches.dim(0);
        // Targets do not matter to the Hessian.
        LeastSquaresProblem problem(x, Tensor::zeros({x.dim(0), in.tensor("weight").dim(0)}),
                                    in.tensor("weight"), in.tensor("bias"));
        problem.set_clients(IntTensor::full({1}, clients - 1));
        Prescribed statistics(problem, batches.view({1, clients, batches.dim(1)}), u.view({1, u.numel()}));
        const Tensor h = hutchinson_diagonal(problem, statistics, 0);
        out.set("h", h.defined() ? h : Tensor::zeros(u.shape()));
      });
}

struct Savic : ScaledLocalOptions {
  void visit(auto&& f) { ScaledLocalOptions::visit(f); }
};

CaseFunction savic_rounds() {
  return case_function<Savic>(
      {"savic-rounds",
       "local SGD with a scaling that changes where clients meet; losses over all rows after each round",
       model_slots({clients_slot(),
                    batch_slot("T,M,H,B"),
                    {"stat_batches", "T+1,M,C", CaseType::kInt, "rows of each client's statistic"},
                    {"u", "T+1,o*i+o"}}),
       {{"weight", "o,i"},
        {"bias", "o"},
        {"losses", "T"},
        {"D", "...", CaseType::kReal, "absent for identity", true}}},
      [](const Savic& o, const CaseValues& in, CaseValues& out) {
        LeastSquaresProblem problem(in.tensor("x"), in.tensor("y"), in.tensor("weight"), in.tensor("bias"));
        problem.set_clients(in.ints("client_of"));
        const IntTensor& batches = in.ints("batches");
        const int64 rounds = batches.dim(0), clients = batches.dim(1);
        std::vector<int64> everybody;
        for (int64 t = 0; t < rounds; ++t)
          for (int64 c = 0; c < clients; ++c) everybody.push_back(c);
        problem.prescribe(IntTensor::from({rounds, clients}, everybody), batches);
        Prescribed statistics(problem, in.ints("stat_batches"), in.tensor("u"));
        ScaledRounds federation(problem, statistics, o);
        Tensor losses({rounds});
        for (int64 t = 0; t < rounds; ++t) {
          federation.round();
          losses.mutable_data()[t] = static_cast<real>(problem.loss());
        }
        out.set("weight", problem.parameters()[0]->value.clone());
        out.set("bias", problem.parameters()[1]->value.clone());
        out.set("losses", losses);
        const std::vector<Tensor> d = federation.scalings();
        if (o.identity()) return;
        const Tensor flat = flatten_all(d);
        out.set("D", o.d_scope == "local" ? flat.view({std::ssize(d), d[0].numel()}) : flat);
      });
}

}  // namespace local_scaling_cases

std::vector<CaseFunction> local_scaling_functions() {
  using namespace local_scaling_cases;
  return {scaling_update(), hutchinson(), savic_rounds()};
}

}  // namespace gradus
