#include "apps/papers/selection/tailor_cases.h"

#include <algorithm>

#include "apps/papers/landscape.h"
#include "core/error.h"
#include "data/selection/candidate_order.h"
#include "data/selection/galaxy.h"
#include "data/selection/gradient_embedding.h"
#include "data/selection/tailor.h"

namespace gradus {
namespace {

// Marks given as numbers.
std::vector<char> marks(const IntTensor& t) {
  std::vector<char> out;
  for (const int64 x : t.span()) out.push_back(x != 0);
  return out;
}

Tensor reals_of(const Shape& shape, const std::vector<double>& values) {
  return Tensor::from(shape, std::vector<real>(values.begin(), values.end()));
}

struct ValueCase {
  std::string mode = "div";
  void visit(auto&& f) {
    f("mode", mode, "div: rare classes are worth more; pos: all the same", choices({"div", "pos"}));
  }
};

CaseFunction diversity_value_function() {
  return case_function<ValueCase>({"diversity-value",
                                   "what an example of each class is worth, given the labelled ones",
                                   {{"labels", "n,C", CaseType::kInt, "0 and 1"}},
                                   {{"value", "C"}}},
                                  [](const ValueCase& o, const CaseValues& in, CaseValues& out) {
                                    const IntTensor& labels = in.ints("labels");
                                    const int64 c = labels.dim(1);
                                    out.set("value",
                                            reals_of({c}, diversity_value(labels.span(), c, o.mode)));
                                  });
}

struct RunCase {
  std::string mode = "div";
  double gamma = 0.9;
  bool multi_label = false;
  void visit(auto&& f) {
    f("mode", mode, "of the value", choices({"div", "pos"}));
    f("gamma", gamma, "what the counts keep of a round before", between(0, 1));
    f("multi_label", multi_label, "theta by Beta laws, one a class");
  }
};

CaseFunction tailor_run_function() {
  return case_function<RunCase>(
      {"tailor-run",
       "rounds of picks by given draws of theta, from given orders of preference",
       {{"labels", "N,C", CaseType::kInt, "0 and 1"},
        {"initial", "n0", CaseType::kInt, "items labelled at first"},
        {"theta", "R,B,A,C"},
        {"candidates", "R,A,N", CaseType::kInt, "each arm's items, best first"}},
       {{"arms", "R,B", CaseType::kInt},
        {"picks", "R,B", CaseType::kInt},
        {"values", "R,C"},
        {"dirichlet", "R,A,C"},
        {"stats", "2,A,C"}}},
      [](const RunCase& o, const CaseValues& in, CaseValues& out) {
        const IntTensor &labels = in.ints("labels"), &candidates = in.ints("candidates");
        const std::vector<double> theta = doubles_of(in.tensor("theta"));
        const Shape& shape = in.tensor("theta").shape();
        const int64 rounds = shape[0], picks = shape[1], arms = shape[2], c = shape[3], n = labels.dim(0);
        TailorBandit bandit(arms, c, o.gamma, o.multi_label);
        std::vector<char> taken(static_cast<size_t>(n), 0);
        std::vector<int64> seen;
        const auto row = [&](int64 item) {
          return labels.span().subspan(static_cast<size_t>(item * c), static_cast<size_t>(c));
        };
        const auto add = [&](int64 item) {
          if (item < 0 || item >= n) fail<UsageError>("tailor-run: there is no item {} of {}", item, n);
          taken[static_cast<size_t>(item)] = 1;
          seen.insert(seen.end(), row(item).begin(), row(item).end());
        };
        for (const int64 item : in.ints("initial").values()) add(item);
        IntTensor chosen(Shape{rounds, picks}), items(Shape{rounds, picks});
        std::vector<double> values, laws;
        for (int64 r = 0; r < rounds; ++r) {
          const std::vector<double> value = diversity_value(seen, c, o.mode), law = bandit.law();
          values.insert(values.end(), value.begin(), value.end());
          laws.insert(laws.end(), law.begin(), law.end());
          for (int64 b = 0; b < picks; ++b) {
            const auto width = static_cast<size_t>(arms * c);
            const int64 a = bandit.choose(
                std::span(theta).subspan(static_cast<size_t>(r * picks + b) * width, width), value);
            int64 item = -1;
            for (int64 i = 0; i < n && item < 0; ++i)
              if (const int64 at = candidates[(r * arms + a) * n + i];
                  at >= 0 && at < n && !taken[static_cast<size_t>(at)])
                item = at;
            if (item < 0) fail<UsageError>("tailor-run: arm {} has no item left in round {}", a, r);
            chosen.mutable_data()[r * picks + b] = a;
            items.mutable_data()[r * picks + b] = item;
            bandit.observe(a, row(item));
            add(item);
          }
          bandit.end_round();
        }
        out.set("arms", chosen);
        out.set("picks", items);
        out.set("values", reals_of({rounds, c}, values));
        out.set("dirichlet", reals_of({rounds, arms, c}, laws));
        out.set("stats", reals_of({2, arms, c}, bandit.stats()));
      });
}

struct OrderCase {
  std::string arm = "confidence";
  int64 class_index = 0, batch = 3;
  void visit(auto&& f) {
    f("arm", arm, "the key", candidate_keys());
    f("class_index", class_index, "of mlp and uncertain", at_least(0));
    f("batch", batch, "how many at most", at_least(1));
  }
};

CaseFunction candidate_order_function() {
  return case_function<OrderCase>({"candidate-order",
                                   "the unlabelled items that an arm would ask first",
                                   {{"preds", "N,C"}, {"labelled", "N", CaseType::kInt}},
                                   {{"order", "k", CaseType::kInt}}},
                                  [](const OrderCase& o, const CaseValues& in, CaseValues& out) {
                                    const std::vector<int64> order =
                                        candidate_order(keys_of(o.arm, in.tensor("preds"), o.class_index),
                                                        marks(in.ints("labelled")), o.batch);
                                    out.set("order", IntTensor::from({std::ssize(order)}, order));
                                  });
}

struct GalaxyCase {
  int64 picks = 1, class_index = 0;
  bool multi_label = false;
  void visit(auto&& f) {
    f("picks", picks, "how many items", at_least(1));
    f("class_index", class_index, "the class whose boundary is looked for", at_least(0));
    f("multi_label", multi_label, "items stand by p_c alone");
  }
};

CaseFunction galaxy_picks_function() {
  return case_function<GalaxyCase>(
      {"galaxy-picks",
       "items along the boundary of a class; entries of fallback_order are ranks",
       {{"preds", "N,C"},
        {"positive", "N", CaseType::kInt},
        {"labelled", "N", CaseType::kInt},
        {"fallback_order", "picks,N", CaseType::kInt}},
       {{"picks", "picks", CaseType::kInt}}},
      [](const GalaxyCase& o, const CaseValues& in, CaseValues& out) {
        Galaxy galaxy(in.tensor("preds"), o.class_index, o.multi_label, marks(in.ints("positive")),
                      marks(in.ints("labelled")));
        const IntTensor& fallback = in.ints("fallback_order");
        IntTensor picks(Shape{o.picks});
        for (int64 k = 0; k < o.picks; ++k) {
          int64 rank = galaxy.informed_rank();
          for (int64 i = 0; i < galaxy.size() && rank < 0; ++i)
            if (const int64 at = fallback[k * galaxy.size() + i];
                at >= 0 && at < galaxy.size() && !galaxy.labelled_at(at))
              rank = at;
          if (rank < 0) fail<UsageError>("galaxy-picks: no unlabelled item is left for pick {}", k);
          picks.mutable_data()[k] = galaxy.item_at(rank);
          galaxy.mark(galaxy.item_at(rank));
        }
        out.set("picks", picks);
      });
}

CaseFunction badge_picks_function() {
  return case_function<NoOptions>(
      {"badge-picks",
       "k-means++ over gradients of the last layer, by given uniform draws",
       {{"preds", "N,C"}, {"embeddings", "N,D"}, {"labelled", "N", CaseType::kInt}, {"u", "k"}},
       {{"picks", "k", CaseType::kInt}, {"squared_distance", "k"}}},
      [](const NoOptions&, const CaseValues& in, CaseValues& out) {
        Badge badge(in.tensor("preds"), in.tensor("embeddings"), marks(in.ints("labelled")));
        std::vector<int64> picks;
        std::vector<double> distances;
        for (const double u : doubles_of(in.tensor("u"))) {
          const int64 item = badge.next(u);
          if (item < 0) fail<UsageError>("badge-picks: no unlabelled item is left for pick {}", picks.size());
          picks.push_back(item);
          distances.push_back(badge.squared_distance(item));
          badge.take(item);
        }
        out.set("picks", IntTensor::from({std::ssize(picks)}, picks));
        out.set("squared_distance", reals_of({std::ssize(picks)}, distances));
      });
}

struct AlblCase {
  double delta = 0.1;
  void visit(auto&& f) { f("delta", delta, "confidence", Limits{.low = 0, .high = 1, .low_open = true}); }
};

CaseFunction albl_probabilities_function() {
  return case_function<AlblCase>(
      {"albl-probabilities",
       "weights of the arms after a round, and the probabilities they make",
       {{"weights", "A"},
        {"arms", "n", CaseType::kInt},
        {"correct", "n", CaseType::kReal, "mean over classes of the labels' agreement"},
        {"query_prob", "n"},
        {"last_prob", "A"}},
       {{"weights", "A"}, {"probabilities", "A"}}},
      [](const AlblCase& o, const CaseValues& in, CaseValues& out) {
        const AlblProbabilities at = albl_probabilities(
            doubles_of(in.tensor("weights")), in.ints("arms").span(), doubles_of(in.tensor("correct")),
            doubles_of(in.tensor("query_prob")), doubles_of(in.tensor("last_prob")), o.delta);
        out.set("weights", reals_of(in.tensor("weights").shape(), at.weights));
        out.set("probabilities", reals_of(in.tensor("weights").shape(), at.probabilities));
      });
}

}  // namespace

std::vector<CaseFunction> tailor_functions() {
  return {diversity_value_function(), tailor_run_function(),  candidate_order_function(),
          galaxy_picks_function(),    badge_picks_function(), albl_probabilities_function()};
}

}  // namespace gradus
