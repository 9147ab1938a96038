#include "apps/papers/language/gain-rl_cases.h"

#include "apps/papers/landscape.h"
#include "data/selection/gain_sampler.h"
#include "nn/alignment/angle_signal.h"

namespace gradus {
namespace {

struct AngleCase {
  int64 prefix_len = 0;
  double w_inter = 8;
  void visit(auto&& f) {
    f("prefix_len", prefix_len, "tokens in front of the question", at_least(0));
    f("w_inter", w_inter, "weight of the cosines between question and prefix");
  }
};
struct SubsetCase {
  double mu = 0, sigma = 1000;
  int64 subset_size = 256;
  void visit(auto&& f) {
    f("mu", mu, "centre of the window");
    f("sigma", sigma, "its width", positive());
    f("subset_size", subset_size, "positions", at_least(1));
  }
};
struct CentreCase : GainCentreOptions {
  double mu = 0;
  int64 size = 10000;
  void visit(auto&& f) {
    GainCentreOptions::visit(f);
    f("mu", mu, "centre at the start", at_least(0));
    f("size", size, "prompts", at_least(1));
  }
};
struct GainRunCase : GainSamplerOptions {
  GainRunCase() { n = 1, adj_max = 2, sigma = 2, subset_size = 3; }
};

IntTensor ints_of(const std::vector<int64>& values) {
  return IntTensor::from({static_cast<int64>(values.size())}, values);
}

CaseFunction run_function() {
  return case_function<GainRunCase>(
      {"gain-rl-run",
       "the prompts of E epochs, by recorded accuracies and angles",
       {{"signals", "N"},
        {"accuracy", "E,N"},
        {"angle", "E,N"},
        {"u", "E,N", CaseType::kReal, "the draws, by position in the order"}},
       {{"order", "N", CaseType::kInt},
        {"subsets", "E,k", CaseType::kInt, "prompts"},
        {"mu", "E+1", CaseType::kReal, "0 first"}}},
      [](const GainRunCase& o, const CaseValues& in, CaseValues& out) {
        GainSampler sampler(doubles_of(in.tensor("signals")), o);
        const int64 epochs = in.tensor("u").dim(0);
        std::vector<int64> all;
        std::vector<double> mu{0};
        int64 width = 0;
        for (int64 e = 0; e < epochs; ++e) {
          const auto row = [&](const char* name) { return doubles_of(in.tensor(name).rows(e, e + 1)); };
          const std::vector<int64> items = sampler.subset(row("u"));
          const std::vector<double> accuracy = row("accuracy"), angle = row("angle");
          double acc = 0, ang = 0;
          for (const int64 i : items)
            acc += accuracy[static_cast<size_t>(i)], ang += angle[static_cast<size_t>(i)];
          width = static_cast<int64>(items.size());
          sampler.update(acc / static_cast<double>(width), ang / static_cast<double>(width));
          all.insert(all.end(), items.begin(), items.end());
          mu.push_back(sampler.centre());
        }
        out.set("order", ints_of(sampler.order()));
        out.set("subsets", IntTensor::from({epochs, width}, all));
        out.set("mu", tensor_of(mu));
      });
}

}  // namespace

std::vector<CaseFunction> gain_rl_functions() {
  return {case_function<AngleCase>({"angle-signal",
                                    "how much the hidden states of a sequence point the same way",
                                    {{"hidden", "T,D"}},
                                    {{"intra", ""}, {"inter", ""}, {"signal", ""}, {"angle", ""}}},
                                   [](const AngleCase& o, const CaseValues& in, CaseValues& out) {
                                     const AngleSignal s =
                                         angle_signal(in.tensor("hidden"), o.prefix_len, o.w_inter);
                                     out.set("intra", s.intra);
                                     out.set("inter", s.inter);
                                     out.set("signal", s.signal);
                                     out.set("angle", s.angle);
                                   }),
          case_function<SubsetCase>(
              {"gaussian-subset",
               "positions drawn without replacement from a Gaussian window",
               {{"u", "N", CaseType::kReal, "a draw a position"}},
               {{"probs", "N"}, {"positions", "k", CaseType::kInt}}},
              [](const SubsetCase& o, const CaseValues& in, CaseValues& out) {
                const std::vector<double> u = doubles_of(in.tensor("u"));
                out.set("probs", tensor_of(gaussian_probs(static_cast<int64>(u.size()), o.mu, o.sigma)));
                out.set("positions", ints_of(gaussian_subset(u, o.mu, o.sigma, o.subset_size)));
              }),
          case_function<CentreCase>({"centre-updates",
                                     "the centre of the window after each epoch",
                                     {{"accuracy", "E"}, {"angle", "E"}},
                                     {{"mu", "E"}}},
                                    [](const CentreCase& o, const CaseValues& in, CaseValues& out) {
                                      const std::vector<double> accuracy = doubles_of(in.tensor("accuracy")),
                                                                angle = doubles_of(in.tensor("angle"));
                                      std::vector<double> centres;
                                      double mu = o.mu;
                                      for (size_t e = 0; e < accuracy.size(); ++e)
                                        centres.push_back(
                                            mu = moved_centre(mu, accuracy[e], angle[e], o.size, o));
                                      out.set("mu", tensor_of(centres));
                                    }),
          run_function()};
}

}  // namespace gradus
