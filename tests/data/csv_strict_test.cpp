// CSV and .npy: what is no number, no label or lost digits must not pass for one.
#include <doctest/doctest.h>

#include <cmath>

#include "core/error.h"
#include "core/npy.h"
#include "data/csv.h"
#include "data/registry.h"
#include "data/vectors.h"
#include "tests/paths.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace {

std::string csv_fixture(const std::string& file) {
  return "csv:path=" + (tests::tests_dir() / "fixtures/data" / file).string();
}

// Opens a table written to a file of its own.
Data csv_of(std::string_view text, const std::string& options = "") {
  const TempDir dir;
  return open_data("csv:path=" + dir.write("t.csv", text) + options);
}

template <class E>
void check_refused(const std::string& spec, const std::string& message) {
  CAPTURE(spec);
  CHECK_THROWS_WITH_AS(open_data(spec), doctest::Contains(message.c_str()), E);
}

std::vector<real> numbers_of(const Dataset& data, int64 i) {
  std::vector<real> x(static_cast<std::size_t>(data.info().example.numel()));
  data.read_reals(i, x.data());
  return x;
}

}  // namespace

TEST_CASE("csv: a missing target, or a word among numbers, is an error with file, line and column") {
  check_refused<DataError>(csv_fixture("missing-target-real.csv"),
                           "missing-target-real.csv: line 3, column 1: expected a target");
  check_refused<DataError>(csv_fixture("trailing-comma.csv"),
                           "trailing-comma.csv: line 1, column 3: expected a target");
  check_refused<DataError>(csv_fixture("nolabel.csv"),
                           "nolabel.csv: line 9, column 4 (label): expected a target");
  // Also where the task is named.
  check_refused<DataError>(csv_fixture("nolabel.csv") + ",task=classification", "line 9, column 4");
  check_refused<DataError>(csv_fixture("missing-target-real.csv") + ",task=regression", "line 3, column 1");
  for (const char* word : {"NA", "nan", "inf", "-inf", "1e400", "?"}) {
    CAPTURE(word);
    const std::string text = fmt::format("x,y\n1,0.5\n2,{}\n3,0.7\n", word);
    CHECK_THROWS_WITH_AS(csv_of(text), doctest::Contains("line 3, column 1 (y): expected a"), DataError);
    CHECK_THROWS_WITH_AS(csv_of(text, ",task=regression"),
                         doctest::Contains("line 3, column 1 (y): expected a"), DataError);
    CHECK(csv_of(text, ",task=classification").info().classes == 3);
  }
  CHECK_THROWS_WITH_AS(csv_of("x,y\n1,2\n,3\n"),
                       doctest::Contains("line 3, column 0 (x): expected a number, found ''"), DataError);
}

TEST_CASE("csv: one number spelt in two ways is no second class") {
  check_refused<DataError>(csv_fixture("labels-mixed-spelling.csv"),
                           "line 4, column 2: the class '+1' is the number that line 2 spells '1.0'");
  CHECK_THROWS_WITH_AS(csv_of("5,1\n6,01\n"), doctest::Contains("line 2, column 1: the class '01'"),
                       DataError);
  CHECK_THROWS_WITH_AS(csv_of("a,y\n5,NA\n6,NA\n"),
                       doctest::Contains("expected at least two classes in 'y', found only 'NA'"), DataError);
  // Blanks around a label are no part of it.
  const Data data = csv_of("1, cat\n2,cat \n3,dog\n4, dog\n");
  CHECK(data.info().class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(csv_of("1, 0\n2,0\n3,1\n4, 1\n").info().class_names == std::vector<std::string>{"0", "1"});
}

TEST_CASE("csv: numbers out of range: too small is 0, too large an error with its place") {
  const Data small = open_data(csv_fixture("underflow.csv") + ",standardize_target=false");
  CHECK(small.info().targets == 1);  // 1e-400 is no integer
  real least = 1, y;
  for (const DatasetPtr& part : {small.train, small.test})
    for (int64 i = 0; i < part->size(); ++i) part->read_targets(i, &y), least = std::min(least, y);
  CHECK(least == 0);
  const bool narrow = sizeof(real) == sizeof(float);
  for (const char* more : {"", ",standardize=false"}) {
    const std::string spec = csv_fixture("overflow-float.csv") + more;
    if (narrow)
      check_refused<DataError>(spec,
                               "overflow-float.csv: line 9, column 0 (a): 1e39 is beyond the range of float");
    else
      CHECK(open_data(spec).train->size() == 48);
  }
  const std::string target = "x,y\n1,0.5\n2,1e39\n3,1.5\n";
  if (narrow)
    CHECK_THROWS_WITH_AS(csv_of(target), doctest::Contains("line 3, column 1 (y): 1e39 is beyond"),
                         DataError);
  else
    CHECK(csv_of(target).info().targets == 1);
}

TEST_CASE("csv: columns are standardised in double, so that time stamps keep their digits") {
  const Data data =
      open_data(csv_fixture("timestamps.csv") + ",standardize_target=false");  // t = 1.7e9 + i, y = i / 2
  REQUIRE(data.train->size() == 80);
  const double mean = data.info().mean[0], std = data.info().std[0];
  double sum = 0, square = 0;
  for (int64 i = 0; i < data.train->size(); ++i) {
    real y;
    data.train->read_targets(i, &y);
    const double exact = (1.7e9 + 2 * static_cast<double>(y) - mean) / std;
    const double x = static_cast<double>(numbers_of(*data.train, i)[0]);
    CHECK(x == doctest::Approx(exact).epsilon(1e-6));
    sum += x, square += x * x;
  }
  CHECK(std::abs(sum / 80) < 1e-6);
  CHECK(square / 80 == doctest::Approx(1).epsilon(1e-6));
  CHECK(std > 20);  // that of 0..99 is 28.9
  CHECK(std < 35);
}

TEST_CASE("csv: a constant column standardises to 0, whatever its size") {
  for (const double value : {0.1, 5.0, -1e-300, 1e30, 1.7e18, 1.0 / 3}) {
    CAPTURE(value);
    std::vector<double> x(999, value);
    std::vector<int64> rows;
    for (int64 r = 0; r < 999; r += 2) rows.push_back(r);
    const ColumnScale scale = measure_columns(x, 1, rows);
    CHECK((value - scale.mean[0]) / scale.std[0] == 0);
    CHECK(scale.std[0] == 1);
    // Constant but for the last digit: next to nothing is left of it.
    for (std::size_t i = 0; i < x.size(); i += 3) x[i] = std::nextafter(value, 2 * value);
    const ColumnScale rounded = measure_columns(x, 1, rows);
    CHECK(std::abs((x[0] - rounded.mean[0]) / rounded.std[0]) < 1e-14);
  }
  // A small deviation that is no rounding is kept.
  const ColumnScale kept = measure_columns({1e6, 1e6 + 1e-6}, 1, {0, 1});
  CHECK(kept.std[0] == doctest::Approx(5e-7).epsilon(1e-3));
  std::string text = "a,b,y\n";
  for (int i = 0; i < 40; ++i) text += fmt::format("0.1,{},{}\n", i, i % 2);
  CHECK(numbers_of(*csv_of(text).train, 0)[0] == 0);
}

TEST_CASE("csv: it is said which task was taken, and why") {
  const auto note = [](const Data& data) {
    REQUIRE(data.info().notes.size() == 1);
    return data.info().notes[0];
  };
  const std::string years = note(open_data(csv_fixture("years.csv")));
  CHECK(years.find("'y' is taken for classification: it holds 63 different integers, 18 to 80") !=
        std::string::npos);
  CHECK(years.find("task=regression") != std::string::npos);
  CHECK(note(csv_of("1,a\n2,b\n")) == "csv: column 1 is taken for classification: it holds words");
  CHECK(note(csv_of("1,0.5\n2,1\n")) == "csv: column 1 is taken for regression: it holds fractions (0.5)");
  std::string many;
  for (int i = 0; i < 101; ++i) many += fmt::format("1,{}\n", i);
  CHECK(note(csv_of(many)).find("regression: it holds more than 100 different integers") !=
        std::string::npos);
  CHECK(open_data(csv_fixture("years.csv") + ",task=regression").info().notes.empty());
  CHECK(open_data(csv_fixture("years.csv") + ",task=regression").info().targets == 1);
}

TEST_CASE("csv: header=yes takes a line of numbers for names, header=no a line of words for data") {
  CHECK(open_data(csv_fixture("numeric-header.csv")).info().columns.empty());
  const Data data = open_data(csv_fixture("numeric-header.csv") + ",header=yes");
  CHECK(data.info().columns == std::vector<std::string>{"0", "1"});
  CHECK(data.train->size() + data.test->size() == 60);
  CHECK_THROWS_WITH_AS(csv_of("a,b\n1,2\n3,4\n", ",header=no"),
                       doctest::Contains("line 1, column 0: expected a number"), DataError);
  CHECK_THROWS_WITH_AS(csv_of("a,1\n1,2\n3,4\n"), doctest::Contains("header=yes"), DataError);
}

TEST_CASE("csv: the target's number must be one of the columns; bytes must be UTF-8") {
  check_refused<UsageError>(csv_fixture("abc.csv") + ",target=7",
                            "target = 7: needs first, last or a column 0..2 or its name: a, b, label");
  check_refused<UsageError>(csv_fixture("numeric-header.csv") + ",target=x",
                            "target = x: needs first, last or a column 0..2");
  CHECK(open_data(csv_fixture("abc.csv") + ",target=2").info().classes == 3);
  check_refused<DataError>(csv_fixture("latin1.csv"),
                           "latin1.csv: line 2, at offset 19: expected UTF-8, found byte \\xfc");
}

TEST_CASE("csv and npy: a comma in a path is written in quotes") {
  const TempDir dir;
  dir.write("a, b.csv", std::string_view("1,0\n2,1\n3,0\n4,1\n"));
  CHECK(open_data("csv:path=\"" + dir / "a, b.csv" + "\",test=0.5").train->size() == 2);
}

TEST_CASE("npy: examples and targets that are not finite are refused with the file and the place") {
  const TempDir dir;
  const std::string folder = (tests::tests_dir() / "fixtures/data/").string();
  check_refused<DataError>("npy:x=" + folder + "x.npy,y=" + folder + "t-nan.npy", "t-nan.npy: example ");
  write_npy(dir / "x.npy", Tensor::from({3, 2}, {1, 2, 3, 4, 5, 6}));
  const real inf = std::numeric_limits<real>::infinity();
  write_npy(dir / "y.npy", Tensor::from({3, 2}, {1, 2, 3, -inf, 5, 6}));
  check_refused<DataError>("npy:x=" + dir / "x.npy" + ",y=" + dir / "y.npy",
                           "y.npy: example 1 holds a number that is not finite");
  check_refused<DataError>("npy:x=" + dir / "y.npy" + ",y=" + dir / "x.npy", "y.npy: example 1");
  DatasetInfo info{.name = "v", .kind = DataKind::kVectors, .example = {2}, .targets = 2};
  CHECK_THROWS_WITH_AS(VectorSet(info, read_npy(dir / "x.npy").reals(), read_npy(dir / "y.npy").reals()),
                       doctest::Contains("the target of example 1"), DataError);

  write_npy(dir / "l.npy", IntTensor::from({3}, {0, 4, 1}));
  const Data data = open_data("npy:x=" + dir / "x.npy" + ",y=" + dir / "l.npy");
  CHECK(data.info().notes[0].find("5 classes 0..4") != std::string::npos);
  // A class that only the test part has was never trained.
  write_npy(dir / "t.npy", IntTensor::from({3}, {0, 5, 1}));
  check_refused<DataError>("npy:x=" + dir / "x.npy" + ",y=" + dir / "l.npy" + ",test_x=" + dir / "x.npy" +
                               ",test_y=" + dir / "t.npy",
                           "t.npy: expected classes like those of");
}
