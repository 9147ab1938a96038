// Sets whose classes have unequal numbers of examples: counts, weights, drawing them alike; the part that is held out.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "data/class_counts.h"
#include "data/loader.h"
#include "data/text.h"
#include "data/validation.h"
#include "data/vectors.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

// Examples with these numbers of each class, mixed; the number of an example is its only feature.
DatasetPtr counted(const std::vector<int64>& counts, std::vector<std::string> names = {}) {
  DatasetInfo info;
  info.name = "counted";
  info.kind = DataKind::kVectors;
  info.example = {1};
  info.classes = static_cast<int64>(counts.size());
  info.class_names = std::move(names);
  std::vector<int64> labels, left = counts;
  for (bool any = true; any;) {
    any = false;
    for (size_t c = 0; c < left.size(); ++c)
      if (left[c]-- > 0) labels.push_back(static_cast<int64>(c)), any = true;
  }
  const auto n = static_cast<int64>(labels.size());
  Tensor x({n, 1});
  for (int64 i = 0; i < n; ++i) x.mutable_data()[i] = static_cast<real>(i);
  return std::make_shared<VectorSet>(info, x, IntTensor::from({n}, labels));
}

std::vector<int64> examples_of(const DatasetPtr& data) {
  std::vector<int64> all;
  for (int64 i = 0; i < data->size(); ++i) {
    real x = 0;
    data->read_reals(i, &x);
    all.push_back(static_cast<int64>(x));
  }
  return all;
}

}  // namespace

TEST_CASE("class weights: balanced is n / (classes * count); names, numbers, and what is refused") {
  const DatasetPtr data = counted({6, 3, 1, 0}, {"ape", "bee", "cat", "dog"});
  CHECK(class_counts(*data) == std::vector<int64>{6, 3, 1, 0});
  const std::vector<double> w = class_weights("balanced", *data);
  CHECK(w[0] == doctest::Approx(10.0 / 18));
  CHECK(w[1] == doctest::Approx(10.0 / 9));
  CHECK(w[2] == doctest::Approx(10.0 / 3));
  CHECK(w[3] == 0);
  CHECK(6 * w[0] + 3 * w[1] + w[2] == doctest::Approx(10));
  CHECK(class_weights("cat=5,0=0.5", *data) == std::vector<double>{0.5, 1, 5, 1});
  CHECK(class_weights("", *data).empty());
  CHECK(class_weights("none", *data).empty());
  CHECK_THROWS_WITH_AS(class_weights("cow=2", *data), doctest::Contains("'cow'"), UsageError);
  CHECK_THROWS_WITH_AS(class_weights("4=2", *data), doctest::Contains("'4'"), UsageError);
  CHECK_THROWS_WITH_AS(class_weights("cat=-1", *data), doctest::Contains("cat"), UsageError);
  CHECK_THROWS_WITH_AS(class_weights("cat=much", *data), doctest::Contains("much"), UsageError);
  CHECK_THROWS_WITH_AS(class_weights("balance", *data), doctest::Contains("'balanced'"), UsageError);
  CHECK_THROWS_WITH_AS(class_weights("ape=0,bee=0,cat=0,dog=0", *data), doctest::Contains("nothing"),
                       UsageError);
}

TEST_CASE("unbalanced classes are said from more than 1:10 on, and classes without examples by name") {
  CHECK(imbalance_note(*counted({100, 10})) == "");
  const std::string note = imbalance_note(*counted({101, 10, 50}, {"ape", "bee", "cat"}));
  CHECK(note.find("1:10.1: 10 of the training examples are 'bee', 101 are 'ape'") != std::string::npos);
  CHECK(note.find("--sampler balanced") != std::string::npos);
  CHECK(imbalance_note(*counted({5, 0, 5}, {"ape", "bee", "cat"})) ==
        "no training example has the class bee");
}

TEST_CASE(
    "loader: balanced epochs have every class as often, its examples in turn; any batch can be the first") {
  const DatasetPtr data = counted({90, 9, 0, 1});
  const LoaderOptions how{.batch_size = 16, .shuffle = true, .balanced = true, .seed = 3, .prefetch = 0};
  Loader loader(data, how);
  std::vector<std::vector<int64>> epochs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::vector<int64> seen, of_class(4), times(100);
    for (Batch b; loader.next(b);) seen.insert(seen.end(), b.index.span().begin(), b.index.span().end());
    CHECK(seen.size() == 100);
    for (const int64 i : seen)
      ++of_class[static_cast<size_t>(data->label(i))], ++times[static_cast<size_t>(i)];
    std::sort(of_class.begin(), of_class.end());
    CHECK(of_class == std::vector<int64>{0, 33, 33, 34});
    for (int64 i = 0; i < 100; ++i) {
      const int64 n = times[static_cast<size_t>(i)];
      if (data->label(i) == 0) CHECK(n <= 1);
      if (data->label(i) == 1) CHECK((n == 3 || n == 4));
      if (data->label(i) == 3) CHECK(n >= 33);
    }
    epochs.push_back(seen);
  }
  CHECK(epochs[0] != epochs[1]);
  // Classes are mixed within an epoch.
  std::set<int64> first;
  for (size_t i = 0; i < 16; ++i) first.insert(data->label(epochs[0][i]));
  CHECK(first.size() == 3);
  Loader other(data, how);
  other.seek({1, 2});
  Batch b;
  REQUIRE(other.next(b));
  for (int64 i = 0; i < 16; ++i) CHECK(b.index[i] == epochs[1][static_cast<size_t>(32 + i)]);
  CHECK_THROWS_AS(Loader(data, {.balanced = true}), UsageError);
}

TEST_CASE("held-out examples: each class its share, none lost, the same every time; too few are left alone") {
  const DatasetPtr data = counted({900, 98, 1, 1});
  const HeldOut parts = hold_out(data, 0.1);
  REQUIRE(parts.held);
  CHECK(parts.held->size() == 100);
  CHECK(parts.train->size() == 900);
  const std::vector<int64> counts = class_counts(*parts.held);
  CHECK(counts[0] + counts[1] == 100);
  CHECK((counts[0] == 90 || counts[0] == 91));
  CHECK(counts[2] + counts[3] == 0);  // a class's only example stays
  std::vector<int64> all = examples_of(parts.train), held = examples_of(parts.held);
  CHECK(std::is_sorted(all.begin(), all.end()));
  CHECK(std::is_sorted(held.begin(), held.end()));
  CHECK(examples_of(hold_out(data, 0.1).held) == held);
  all.insert(all.end(), held.begin(), held.end());
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) CHECK(all[i] == static_cast<int64>(i));
  CHECK(hold_out(counted({200, 99}), 0.1).held == nullptr);
  CHECK(hold_out(counted({200, 100}), 0.1).held->size() == 30);
  CHECK(hold_out(counted({60000, 10}), 0.1).held->size() == 5000);

  const TempDir dir;
  const DatasetPtr text =
      open_text("text", dir.write("t.txt", std::string(5000, 'a') + std::string(5000, 'b')), {}, {.block = 8})
          .train;
  REQUIRE(text->starts() + 8 == 9000);
  const HeldOut windows = hold_out(text, 0.1);
  REQUIRE(windows.held);
  CHECK(windows.held->starts() + 8 == 900);
  CHECK(windows.train->starts() + 8 == 8100);
  std::vector<int64> tokens(8), next(8);
  windows.held->read_window(0, tokens.data(), next.data());
  CHECK(tokens[0] == 1);  // its end
  CHECK(hold_out(open_text("text", dir.write("s.txt", std::string(900, 'a') + std::string(900, 'b')), {},
                           {.block = 8})
                     .train,
                 0.1)
            .held == nullptr);
}
