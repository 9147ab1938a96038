// Tables of words, missing values and chosen columns: what examples they become, at first and for weights that know them.
#include <doctest/doctest.h>

#include "core/error.h"
#include "data/fitted.h"
#include "data/registry.h"
#include "data/table_encoding.h"
#include "tests/temp_dir.h"

using namespace gradus;

namespace gradus::table_tests {

using Numbers = std::vector<double>;

struct Opened {
  Data data;
  const DatasetInfo& info() const { return data.info(); }
  // The examples of training and test part in the order of the file would need the draw: all rows are the test part here.
  Numbers row(int64 i) const {
    std::vector<real> x(static_cast<size_t>(info().example.numel()));
    data.test->read_reals(i, x.data());
    return {x.begin(), x.end()};
  }
  bool says(const std::string& what) const {
    for (const std::string& note : info().notes)
      if (note.find(what) != std::string::npos) return true;
    return false;
  }
};

// All rows the test part, so that row i is line i; what is fitted is fitted on them.
Opened table(std::string_view text, const std::string& options = "", const DatasetInfo* fitted = nullptr) {
  const TempDir dir;
  return {
      open_data("csv:test=1,path=" + dir.write("t.csv", text) + options, {.fitted = fitted, .whole = true})};
}

template <class E>
void refused(std::string_view text, const std::string& options, const std::string& message) {
  CAPTURE(text);
  CHECK_THROWS_WITH_AS(table(text, options), doctest::Contains(message.c_str()), E);
}

const char* const kPets =
    "kind,age,size,y\n"
    "cat,2,10,a\n"
    "dog,4,30,b\n"
    "cat,6,20,a\n"
    "emu,8,40,b\n";

TEST_CASE(
    "csv: a column of words is a number a category, in the order of the categories; numbers are "
    "standardised") {
  const Opened pets = table(kPets);
  CHECK(pets.info().example == Shape{5});
  CHECK(pets.info().columns == std::vector<std::string>{"kind", "age", "size"});
  CHECK(pets.info().table.columns[0].categories == std::vector<std::string>{"cat", "dog", "emu"});
  CHECK(pets.info().table.width == 3);
  const double s = std::sqrt(5.0), t = std::sqrt(125.0);  // of 2 4 6 8 and of 10 30 20 40
  const Numbers first = pets.row(0), last = pets.row(3);
  const Numbers wanted_first{1, 0, 0, -3 / s, -15 / t}, wanted_last{0, 0, 1, 3 / s, 15 / t};
  for (size_t k = 0; k < 5; ++k) {
    CHECK(first[k] == doctest::Approx(wanted_first[k]).epsilon(1e-6));
    CHECK(last[k] == doctest::Approx(wanted_last[k]).epsilon(1e-6));
  }
  CHECK(pets.says("'kind' is taken for 3 categories, a number each: cat, dog, emu"));
  // Numbers as categories, where asked for.
  const Opened ages = table(kPets, ",categories=a?e,standardize=false");
  CHECK(ages.row(1) == Numbers{0, 1, 0, 0, 1, 0, 0, 30});
}

TEST_CASE(
    "csv: what is missing gets the mean of the training rows and a number that says so; else it is refused") {
  const char* const text = "kind,age,y\ncat,2,a\n,NA,b\ndog,6,a\ncat,?,b\n";
  refused<DataError>(text, "", "line 3, column 0 (kind): expected a category, found '' (missing=mean");
  refused<DataError>("age,y\n2,a\nNA,b\n", "",
                     "line 3, column 0 (age): expected a number, found 'NA' (missing=mean");
  const Opened filled = table(text, ",missing=mean,standardize=false");
  // cat, dog, kind missing; age, age missing.
  CHECK(filled.row(0) == Numbers{1, 0, 0, 2, 0});
  CHECK(filled.row(1) == Numbers{0, 0, 1, 4, 1});
  CHECK(filled.row(3) == Numbers{1, 0, 0, 4, 1});
  CHECK(filled.info().table.columns[1].fill == 4);
  CHECK(filled.says(
      "'age' has no value in 2 of 4 training rows: the mean 4 stands in, and one more number says so"));
  for (const char* none : {"", " ", "NA", "n/a", "NaN", "null", "?"}) CHECK(is_missing(none));
  for (const char* some : {"0", "none", "-", "nano"}) CHECK_FALSE(is_missing(some));
  refused<DataError>("a,b,y\n,1,p\n,2,q\n", ",missing=mean", "'a' has no value in any training row: drop=a");
}

TEST_CASE("csv: columns are chosen by names and patterns") {
  CHECK(table(kPets, ",columns=age+s*").info().columns == std::vector<std::string>{"age", "size"});
  CHECK(table(kPets, ",drop=kind").info().columns == std::vector<std::string>{"age", "size"});
  CHECK(table(kPets, ",columns=*,drop=*e").info().columns == std::vector<std::string>{"kind"});
  CHECK(table(kPets, ",columns=size").info().table.left_out == std::vector<std::string>{"kind", "age"});
  CHECK(table("1,2,3,p\n4,5,6,q\n", ",columns=0+2,standardize=false").row(1) == Numbers{4, 6});
  refused<UsageError>(kPets, ",columns=agee", "columns: unknown column 'agee'");
  refused<UsageError>(kPets, ",drop=x*", "drop: unknown column 'x*'");
  refused<UsageError>(kPets, ",categories=sort", "categories: unknown column 'sort'");
  refused<DataError>(kPets, ",drop=*", "leave no column beside the target");
}

TEST_CASE("csv: dates, words among numbers and words that are all different are refused with a hint") {
  for (const char* date : {"2024-01-31", "2024/1/5 12:00", "31.01.2024", "1/31/24", "2024-01-31T10:00:00Z",
                           "12:30", "12:30:05"}) {
    CAPTURE(date);
    refused<DataError>(fmt::format("day,y\n{},a\n{},b\n", date, date), "", "line 2, column 0 (day): '");
    refused<DataError>(fmt::format("day,y\n{},a\n{},b\n", date, date), "", "drop=day");
    CHECK(table(fmt::format("day,y\n{},a\n{},b\n", date, date), ",categories=day").info().example ==
          Shape{1});
  }
  for (const char* word : {"1-2", "2024-13", "v1.2.3", "10:3", "1.2.3.4", "555-1234-5"}) {
    CAPTURE(word);
    CHECK(table(fmt::format("w,y\n{},a\n{},b\n", word, word)).info().example == Shape{1});
  }
  refused<DataError>("x,y\n1,a\ntall,b\n", "",
                     "line 3, column 0 (x): expected a number, found 'tall' (categories=x takes");
  refused<DataError>("x,y\n1,a\ninf,b\n", ",missing=mean",
                     "line 3, column 0 (x): expected a finite number, found 'inf'");
  std::string names = "name,y\n";
  for (int i = 0; i < 30; ++i) names += fmt::format("n{},{}\n", i, i % 2);
  refused<DataError>(names, "",
                     "'name' holds 30 different words in 30 rows, too many for categories: drop=name");
  CHECK(table(names, ",categories=name").info().example == Shape{30});
}

TEST_CASE(
    "csv: weights bring categories, means and columns to other tables; an unknown category is none, and is "
    "said") {
  const DatasetInfo fitted = table(kPets, ",missing=mean").info();
  const Opened other =
      table("y,size,kind,age\na,25,yak,2\nb,25,yak,\nb,25,dog,8\n", ",target=first", &fitted);
  CHECK(other.info().table.columns[0].categories == fitted.table.columns[0].categories);
  const Numbers first = other.row(0), second = other.row(1), third = other.row(2);
  CHECK(Numbers(first.begin(), first.begin() + 3) == Numbers{0, 0, 0});
  CHECK(first[3] == doctest::Approx(-3 / std::sqrt(5.0)).epsilon(1e-6));
  CHECK(first[4] == doctest::Approx(0));
  CHECK(second[3] == doctest::Approx(0));  // the mean of the weights' training rows
  CHECK(Numbers(third.begin(), third.begin() + 3) == Numbers{0, 1, 0});
  int64 said = 0;
  for (const std::string& note : other.info().notes)
    said += note.find("'yak' is none of the categories") != std::string::npos;
  CHECK(said == 1);
  CHECK(other.says("'age': a missing value, which training rows had not"));
  // Weights that know no missing values refuse them; columns that were left out may be there, others not.
  const DatasetInfo strict = table(kPets, ",columns=kind").info();
  CHECK_THROWS_WITH_AS(table("kind,y\n,a\ncat,b\n", "", &strict),
                       doctest::Contains("expected a category, found ''"), DataError);
  CHECK(table(kPets, "", &strict).row(1) == Numbers{0, 1, 0});
  CHECK_THROWS_WITH_AS(table("kind,hue,y\ncat,1,a\ndog,2,b\n", "", &strict),
                       doctest::Contains("unknown: hue"), DataError);
  // Without names by place.
  const DatasetInfo bare = table("5,cat,1,a\n6,dog,2,b\n", ",columns=1+2,standardize=false").info();
  CHECK(table("7,dog,3,a\n8,cat,4,b\n", "", &bare).row(0) == Numbers{0, 1, 3});
  CHECK_THROWS_WITH_AS(table("dog,3,a\ncat,4,b\n", "", &bare),
                       doctest::Contains("expected 3 columns beside the target"), DataError);
}

TEST_CASE(
    "csv: the targets of a regression are standardised, as the weights have it, and brought back to their "
    "units") {
  const char* const text = "x,y\n1,10.5\n2,30.5\n3,20.5\n4,40.5\n";
  const Opened line = table(text);
  CHECK(line.info().target_mean == Numbers{25.5});
  CHECK(line.info().target_std[0] == doctest::Approx(std::sqrt(125.0)));
  real y;
  line.data.test->read_targets(3, &y);
  CHECK(double(y) == doctest::Approx(15 / std::sqrt(125.0)).epsilon(1e-6));
  CHECK(in_units(double(y), 0, line.info()) == doctest::Approx(40.5).epsilon(1e-6));
  const Opened other = table("x,y\n1,25.5\n2,0\n", "", &line.info());
  other.data.test->read_targets(1, &y);
  CHECK(double(y) == doctest::Approx(-25.5 / std::sqrt(125.0)).epsilon(1e-6));
  const Opened plain = table(text, ",standardize_target=false");
  plain.data.test->read_targets(3, &y);
  CHECK(y == real(40.5));
  CHECK(plain.info().target_std.empty());
  CHECK(in_units(3, 0, plain.info()) == 3);
}

}  // namespace gradus::table_tests
