// Memories of gradients, moments a task, clipped updates, the surrogate gap: the cards' figures.
#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/linalg.h"
#include "core/rng.h"
#include "optim/elements.h"
#include "optim/methods/clipped_update.h"
#include "optim/methods/gap_direction.h"
#include "optim/methods/gradient_memory.h"
#include "optim/methods/reference_projection.h"
#include "optim/methods/task_gradients.h"
#include "optim/state_archive.h"

namespace gradus::continual_method_tests {

using doctest::Approx;

double at(const Tensor& t, int64 i) { return static_cast<double>(t.data()[i]); }

double distance(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (int64 i = 0; i < a.numel(); ++i) most = std::max(most, std::abs(at(a, i) - at(b, i)));
  return most;
}

TEST_CASE("rogo: the memory holds what stays below its threshold") {
  Tensor r = Tensor::zeros({3, 3});
  const double squares[] = {0.6, 0.3, 0.1};
  for (int64 i = 0; i < 3; ++i) r.mutable_data()[4 * i] = static_cast<real>(std::sqrt(squares[i]));
  const auto rank = [&](double threshold) {
    return grown_memory(r, Tensor({3, 0}), {.threshold = threshold, .first_task = true}).dim(1);
  };
  CHECK(rank(0.95) == 2);
  CHECK(rank(0.5) == 0);
  // Later tasks take the crossing vector: 0.6 is held, 0.3 is appended, 0.9 >= 0.8.
  const Tensor first = Tensor::from({3, 1}, {1, 0, 0});
  const Tensor grown = grown_memory(r, first, {.threshold = 0.8});
  CHECK(grown.dim(1) == 2);
  CHECK(at(projector_of(grown), 4) == Approx(1).epsilon(1e-5));
  CHECK(grown_memory(r, first, {.threshold = 0.55}).dim(1) == 1);
  CHECK(grown_memory(r, linalg::identity(3), {.threshold = 1}).dim(1) == 3);
}

TEST_CASE("rogo: gradients stay out of the memory, which keeps outputs of old inputs") {
  Rng rng(3);
  const Tensor m = linalg::qr(rng.normal_tensor({6, 2})).q, g = rng.normal_tensor({4, 6});
  const Tensor projected = projected_gradient(g, m);
  CHECK(norm(linalg::matmul(projected, m)) < 1e-5);
  CHECK(norm(projected_gradient(g, linalg::identity(6))) < 1e-5);
  CHECK(distance(projected_gradient(g, Tensor({6, 0})), g) == 0);
  CHECK_THROWS_AS(projected_gradient(g, Tensor({5, 1})), ShapeError);
}

TEST_CASE("rogo: the search takes the memory apart") {
  Rng rng(5);
  const Tensor f = linalg::qr(rng.normal_tensor({8, 4})).q;
  const Tensor g =
      linalg::matmul(rng.normal_tensor({3, 2}), Tensor::from({2, 8}, [&] {
                       std::vector<real> rows;  // two directions of the memory, turned a little
                       for (int64 k = 0; k < 2; ++k)
                         for (int64 i = 0; i < 8; ++i)
                           rows.push_back(f.data()[i * 4 + k] + real(0.01) * static_cast<real>(k + i % 2));
                       return rows;
                     }()));
  const RelaxingSearch found = relaxing_search(g, f, {.mass_threshold = 0.9999, .score_threshold = 0.9});
  CHECK(found.gradient_rank == 2);
  CHECK(found.space.dim(1) == 2);
  REQUIRE(found.scores.size() == 3);
  CHECK(found.scores[0] <= 1 + 1e-6);
  CHECK(found.scores[2] < 0.9);
  const Tensor all = joined_columns(found.rest, found.space);
  CHECK(distance(linalg::matmul(all, all, true, false), linalg::identity(4)) < 1e-5);
  CHECK(distance(projector_of(all), projector_of(f)) < 1e-5);
}

TEST_CASE("tag: weights of tasks") {
  const std::vector<Tensor> units{Tensor::from({2}, {0, 1}), Tensor::from({2}, {1, 0}),
                                  Tensor::from({2}, {-1, 0})};
  const TaskWeights w = task_weights(Tensor::from({2}, {7, 0}), units, 5);
  CHECK(w.alpha[0] == Approx(1));
  CHECK(w.alpha[1] == Approx(0.00673795).epsilon(1e-5));
  CHECK(w.alpha[2] == Approx(148.413).epsilon(1e-5));
  CHECK(w.alpha[3] == Approx(0.00673795).epsilon(1e-5));
  CHECK(task_weights(Tensor::from({2}, {7, 0}), units, 0).alpha[2] == 1);
  CHECK(task_weights(Tensor::zeros({2}), units, 5).alpha[2] == 1);  // no direction: no correlation
  CHECK(task_weights(Tensor::ones({2}), {}, 5).alpha == std::vector<double>{1});
}

TEST_CASE("tag: the first step of a first and of a second task") {
  TaskGradients tag(std::vector<Tensor>{Tensor::zeros({1})}, {});
  tag.step(std::vector<Tensor>{Tensor::full({1}, real(0.1))});
  CHECK(at(tag.params()[0], 0) == Approx(-0.0999999).epsilon(1e-6));

  // The card's second task: v_0 = (0.04, 0.01), unit_0 = (1, 0), nothing of the second task yet.
  std::vector<Tensor> v{Tensor::from({2}, {real(0.04), real(0.01)}), Tensor::zeros({2})},
      units{Tensor::from({2}, {1, 0})};
  Tensor m = Tensor::zeros({2});
  std::vector<double> none;
  SavedState saved;
  const StateArchive archive = StateArchive::saving(saved);
  archive("v", v);
  archive("units", units);
  archive("m", m);
  archive("correlation", none);
  archive("alpha", none);
  TaskMoments moments;
  moments.state(StateArchive::loading(saved));
  CHECK(moments.tasks() == 2);
  Tensor p = Tensor::zeros({2});
  moments.step(p, Tensor::from({2}, {real(0.1), real(0.1)}), 0, {});
  CHECK(moments.correlation()[0] == Approx(0.70710678).epsilon(1e-6));
  CHECK(moments.alpha()[0] == Approx(0.02914319).epsilon(1e-6));
  CHECK(moments.alpha()[1] == Approx(0.00673795).epsilon(1e-5));
  CHECK(at(moments.second_moment(1), 0) == Approx(1e-4).epsilon(1e-4));
  CHECK(at(p, 0) == Approx(-0.02928032).epsilon(1e-5));
  CHECK(at(p, 1) == Approx(-0.05850995).epsilon(1e-5));
  CHECK(at(moments.unit_moment(0), 0) == 1);
}

TEST_CASE("agem: the part that points against the reference is taken away") {
  const Tensor ref = Tensor::from({2}, {0, 2});
  const ReferenceProjection against = reference_projection(Tensor::from({2}, {3, -1}), ref);
  CHECK(against.dot == Approx(-2));
  CHECK(against.gradient.values() == std::vector<real>{3, 0});
  CHECK(reference_projection(Tensor::from({2}, {3, 1}), ref).gradient.values() == std::vector<real>{3, 1});
  CHECK(reference_projection(Tensor::from({2}, {3, 1}), Tensor::zeros({2})).gradient.values() ==
        std::vector<real>{3, 1});
  CHECK_THROWS_AS(reference_projection(ref, Tensor::zeros({3})), ShapeError);
}

TEST_CASE("state archive: what is saved comes back, what is not there is named") {
  struct Thing {
    Tensor t, none;
    IntTensor labels;
    std::vector<std::vector<double>> rows;
    std::optional<double> some, nothing;
    bool flag = false;
    int64 count = 0;
    void state(const StateArchive& a) {
      a("t", t), a("none", none), a("labels", labels), a("rows", rows), a("some", some),
          a("nothing", nothing);
      a("flag", flag), a("count", count);
    }
  };
  Thing thing{
      Tensor::from({2}, {1, 2}), {}, IntTensor::from({3}, {4, 5, 6}), {{1, NAN}, {}}, 0.1, {}, true, 7};
  SavedState saved;
  thing.state(StateArchive::saving(saved).below("part"));
  Thing back{Tensor::ones({5}), Tensor::ones({1}), {}, {{3}}, {}, 2.0, false, 0};
  back.state(StateArchive::loading(saved).below("part"));
  thing.t.mutable_data()[0] = 9;  // (saved by value)
  CHECK(back.t.values() == std::vector<real>{1, 2});
  CHECK_FALSE(back.none.defined());
  CHECK(back.labels.values() == std::vector<int64>{4, 5, 6});
  REQUIRE(back.rows.size() == 2);
  CHECK(back.rows[0][0] == 1);
  CHECK(std::isnan(back.rows[0][1]));
  CHECK(back.rows[1].empty());
  CHECK(back.some == 0.1);
  CHECK_FALSE(back.nothing.has_value());
  CHECK(back.flag);
  CHECK(back.count == 7);
  double missing = 0;
  CHECK_THROWS_AS(StateArchive::loading(saved)("missing", missing), DataError);
}

TEST_CASE("tag: Adam's corrections, AdaGrad's sums, gradients that are refused") {
  TagOptions o;
  o.optimizer = "adam";
  TaskGradients adam(std::vector<Tensor>{Tensor::zeros({1})}, o);
  adam.step(std::vector<Tensor>{Tensor::full({1}, 3)});
  CHECK(at(adam.params()[0], 0) == Approx(-0.01).epsilon(1e-5));
  o.optimizer = "adagrad";
  TaskGradients sums(std::vector<Tensor>{Tensor::zeros({1})}, o);
  for (const real g : {real(3), real(4)}) sums.step(std::vector<Tensor>{Tensor::full({1}, g)});
  CHECK(at(sums.params()[0], 0) == Approx(-0.01 - 0.01 * 4 / 5).epsilon(1e-5));
  CHECK_THROWS_AS(sums.step(std::vector<Tensor>{Tensor::full({1}, real(NAN))}), NumericError);
  CHECK_THROWS_AS(sums.step(std::vector<Tensor>{Tensor::zeros({2})}), ShapeError);
}

TEST_CASE("hard_ash: updates, not gradients, are clipped") {
  const auto walk = [](ClippedUpdateOptions o, const std::vector<double>& gradients) {
    ClippedUpdate rule(std::vector<Tensor>{Tensor::zeros({1})}, o);
    for (const double g : gradients) rule.step(std::vector<Tensor>{Tensor::full({1}, static_cast<real>(g))});
    return at(rule.params()[0], 0);
  };
  // 1e-6 + 9 + 1e-7 under the root.
  CHECK(walk({.lr = 1e-3}, {3}) == Approx(-1e-3).epsilon(1e-6));
  CHECK(walk({.lr = 1e-3}, {1e-3}) == Approx(-1e-3 * 1e-3 / std::sqrt(2.1e-6)).epsilon(1e-5));
  CHECK(walk({.optimizer = "rmsprop", .lr = 1e-5}, {2}) ==
        Approx(-1e-5 / std::sqrt(1 - 0.9993)).epsilon(1e-3));
  CHECK(walk({.optimizer = "adam", .lr = 1e-3}, {2}) == Approx(-1e-3).epsilon(1e-5));
  CHECK(walk({.optimizer = "sgdm", .lr = 1e-3, .momentum = 0.5}, {2, 2}) == Approx(-5e-3).epsilon(1e-5));
  CHECK(walk({.optimizer = "sgd", .lr = 1}, {5}) == Approx(-0.01).epsilon(1e-6));
  CHECK(walk({.optimizer = "sgd", .lr = 1e-3}, {5}) == Approx(-5e-3).epsilon(1e-6));
}

TEST_CASE("csfa: the direction that closes the gap") {
  const Tensor g = Tensor::from({2}, {1, 0}), p = Tensor::from({2}, {3, 4});
  const GapDirection d = gap_direction(g, p, 0.4);
  CHECK(at(d.perpendicular, 0) == Approx(0.64).epsilon(1e-6));
  CHECK(at(d.perpendicular, 1) == Approx(-0.48).epsilon(1e-6));
  CHECK(at(d.direction, 0) == Approx(2.744).epsilon(1e-6));
  CHECK(at(d.direction, 1) == Approx(4.192).epsilon(1e-6));
  CHECK(gap_direction(g, p, 0).direction.values() == p.values());
  CHECK(gap_direction(g, g, 0.4).direction.values() == g.values());
  CHECK(gap_direction(g, Tensor::zeros({2}), 0.4).perpendicular.values() == g.values());
}

}  // namespace gradus::continual_method_tests
