// Cases: what is read, what is refused and how it is said, how outputs are compared.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/papers/case_file.h"
#include "apps/papers/case_shape.h"
#include "core/error.h"
#include "tests/precision.h"
#include "tests/temp_dir.h"

namespace gradus::case_tests {

using tests::kDouble;

// scale * x, and which of its elements are above the limit; `largest` is absent for an empty x.
struct ScaledOptions {
  double scale = 1;
  std::optional<int64> limit;
  std::vector<int64> rows;
  std::string word = "none";
  bool flag = false;
  void visit(auto&& f) {
    f("scale", scale, "factor", at_least(0));
    f("limit", limit, "counted above it");
    f("rows", rows, "sizes");
    f("word", word, "any");
    f("flag", flag, "any");
  }
};

CaseFunction scaled() {
  return case_function<ScaledOptions>(
      {"scaled",
       "a multiple",
       {{"x", "b,n"}, {"ids", "n", CaseType::kInt, "", true}, {"W#", "n,m#", CaseType::kReal, "", true}},
       {{"y", "b,n"}, {"above", "b,n", CaseType::kInt}, {"largest", "", CaseType::kReal, "", true}}},
      [](const ScaledOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& x = in.tensor("x");
        Tensor y(x.shape());
        IntTensor above(x.shape());
        double largest = -INFINITY;
        for (int64 i = 0; i < x.numel(); ++i) {
          y.mutable_data()[i] = x.data()[i] * static_cast<real>(o.scale);
          above.mutable_data()[i] = y.data()[i] > static_cast<real>(o.limit.value_or(0));
          largest = std::max(largest, static_cast<double>(y.data()[i]));
        }
        if (o.word == "refuse") fail<ShapeError>("scaled: cannot");
        out.set("y", y);
        out.set("above", above);
        if (x.numel()) out.set("largest", largest);
      });
}

nlohmann::json good() {
  return nlohmann::json::parse(R"({"format": "gradus-case-1", "paper": "test", "function": "scaled",
    "options": {"scale": 2, "limit": 3, "rows": [3, 4], "word": "a", "flag": true},
    "inputs": {"x": {"shape": [1, 3], "data": [1, 2, -0.5]}, "ids": {"shape": [3], "type": "int", "data": [0, 1, 2]}},
    "expect": {"y": {"shape": [1, 3], "data": [2, 4, -1]}, "above": {"shape": [1, 3], "type": "int", "data": [0, 1, 0]},
               "largest": {"shape": [], "data": [4]}},
    "tolerance": 1e-9, "source": "by hand"})");
}

CaseReport check(const nlohmann::json& json) {
  const TempDir dir;
  dir.write("c.json", json.dump());
  return check_case(read_case(dir / "c.json"), scaled());
}

// What is complained about, "" if nothing.
template <class E>
std::string complaint(const nlohmann::json& json) {
  try {
    check(json);
  } catch (const E& e) {
    return e.what();
  }
  return "";
}

nlohmann::json with(const char* pointer, const nlohmann::json& value) {
  nlohmann::json json = good();
  json[nlohmann::json::json_pointer(pointer)] = value;
  return json;
}

nlohmann::json without(const char* parent, const char* key) {
  nlohmann::json json = good();
  json[nlohmann::json::json_pointer(parent)].erase(key);
  return json;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("cases: a good one passes with its errors, a digit changed does not") {
  const CaseReport report = check(good());
  CHECK(report.passed());
  CHECK(report.error() == 0);
  CHECK(report.outputs.size() == 3);
  CHECK(report.tolerance == (kDouble ? 1e-9 : 2e-4));
  const CaseReport off = check(with("/expect/y/data/1", 5));
  CHECK(!off.passed());
  CHECK(off.error() == doctest::Approx(0.2));  // |4 - 5| / 5
  CHECK(check(with("/expect/y/data/0", kDouble ? 2 * (1 + 1e-10) : 2.0001)).passed());
}

TEST_CASE("cases: integers are to be equal, whatever the tolerance") {
  nlohmann::json json = with("/expect/above/data", {0, 1, 1});
  json["tolerance"] = 10;
  const CaseReport report = check(json);
  CHECK(!report.passed());
  CHECK(std::count_if(report.outputs.begin(), report.outputs.end(),
                      [](const CaseOutput& o) { return o.passed; }) == 2);
}

TEST_CASE("cases: an expected zero is compared absolutely, NaN passes nothing") {
  nlohmann::json json = with("/inputs/x/data", {0, 0, 0});
  json["expect"] = {{"y", {{"shape", {1, 3}}, {"data", {0, 0, 1e-11}}}},
                    {"above", {{"shape", {1, 3}}, {"type", "int"}, {"data", {0, 0, 0}}}},
                    {"largest", {{"shape", nlohmann::json::array()}, {"data", {0}}}}};
  CHECK(!check(json).passed());  // max |b| is 1e-11: relative
  json["expect"]["y"]["data"] = {0, 0, 0};
  CHECK(check(json).passed());
  json["options"]["scale"] = 1e300;
  json["inputs"]["x"]["data"] = {1e30, 0, 0};
  CHECK(!check(json).passed());
}

TEST_CASE("cases: outputs that may be absent are there if and only if they are expected") {
  CHECK(!check(without("/expect", "largest")).passed());
  nlohmann::json json = good();
  json["inputs"] = {{"x", {{"shape", {0, 3}}, {"data", nlohmann::json::array()}}}};
  json["expect"]["y"] = json["inputs"]["x"];
  json["expect"]["above"] = {{"shape", {0, 3}}, {"type", "int"}, {"data", nlohmann::json::array()}};
  CHECK(!check(json).passed());
  json["expect"].erase("largest");
  CHECK(check(json).passed());
}

TEST_CASE("cases: what is wrong with a file is named with the file and the field") {
  const auto bad = [](const nlohmann::json& json, const std::string& part) {
    const std::string said = complaint<DataError>(json);
    INFO(said << " should hold " << part);
    CHECK(contains(said, "c.json: "));
    CHECK(contains(said, part));
  };
  bad(without("/inputs", "x"), "inputs.x: is missing");
  bad(with("/inputs/y", good()["inputs"]["x"]), "inputs.y: unknown value 'y'");
  bad(with("/inputs/x/shape", {3, 1, 1}), "inputs.x: shape (3, 1, 1), expected (b,n)");
  bad(with("/inputs/x/shape", {2, 3}), "inputs.x.data: 3 numbers for shape (2, 3)");
  bad(with("/inputs/x/shape", {-1, 3}), "inputs.x.shape");
  bad(with("/inputs/x/shape", "3"), "inputs.x.shape");
  bad(with("/inputs/x/shape", {4000000000000000000, 4000000000000000000}), "inputs.x.shape");
  bad(with("/inputs/x/shape", {1, 1, 1, 1, 1, 1, 1, 1, 3}), "inputs.x.shape");
  bad(with("/inputs/x/data/1", "two"), "inputs.x.data[1]: needs numbers, not \"two\"");
  bad(with("/inputs/x/data/1", nullptr), "inputs.x.data[1]");
  bad(with("/inputs/x/data", 3), "inputs.x.data");
  bad(without("/inputs/x", "data"), "inputs.x.data: is missing");
  bad(without("/inputs/x", "shape"), "inputs.x.shape: is missing");
  bad(with("/inputs/x/typ", "int"), "inputs.x: unknown field 'typ'");
  bad(with("/inputs/x/type", "int"), "inputs.x.type: is int, where the function has real");
  bad(with("/inputs/x/type", "float"), "inputs.x.type");
  bad(with("/inputs/x", {1, 2, 3}), "inputs.x: needs shape and data");
  bad(with("/inputs/ids/data/0", 0.5), "inputs.ids.data[0]: needs integers, not 0.5");
  bad(with("/inputs/ids/data/0", 18446744073709551615u), "inputs.ids.data[0]");
  bad(without("/inputs/ids", "type"), "inputs.ids.type: is real, where the function has int");
  bad(with("/inputs/ids", {{"shape", {2}}, {"type", "int"}, {"data", {0, 1}}}),
      "inputs.ids: shape (2), expected (n) = (3)");
  bad(with("/inputs/W2", {{"shape", {3, 1}}, {"data", {0, 1}}}), "inputs.W2.data");
  bad(with("/inputs/W2", {{"shape", {2, 1}}, {"data", {0, 1}}}), "inputs.W2: shape (2, 1), expected (n,m2)");
  bad(without("/expect", "y"), "expect.y: is missing");
  bad(with("/expect/z", good()["expect"]["y"]), "expect.z: unknown value 'z'");
  bad(with("/expect/y/shape", {3, 1}), "expect.y: shape (3, 1), where the function gives (1, 3)");
  bad(with("/expect/y/type", "int"), "expect.y.type");
  bad(with("/expect/above", {{"shape", {1, 3}}, {"data", {0, 1, 0}}}), "expect.above.type");
  bad(without("", "expect"), "expect: is missing");
  bad(without("", "tolerance"), "tolerance: is missing");
  bad(with("/tolerance", -1), "tolerance");
  bad(with("/tolerance", "1"), "tolerance: needs a number, not string");
  bad(without("", "paper"), "paper: is missing");
  bad(with("/function", 3), "function: needs a word, not number");
  bad(with("/inputs", 3), "inputs: needs an object");
  bad(with("/double_only", 1), "double_only");
  bad(with("/inptus", 1), "unknown field 'inptus'; did you mean 'inputs'?");
  bad(with("/format", "gradus-case-2"), "format");
  bad(nlohmann::json::array(), "not a case");
  if (!kDouble) bad(with("/inputs/x/data/1", 1e300), "inputs.x.data[1]: 1e+300 is not finite in float32");
  bad(with("/options/word", "refuse"), "inputs: scaled: cannot");
}

TEST_CASE("cases: files that are no JSON, or hold numbers beyond any, are bad data") {
  const TempDir dir;
  std::string text = good().dump();
  dir.write("cut.json", text.substr(0, 100));
  CHECK_THROWS_AS(read_case(dir / "cut.json"), DataError);
  dir.write("nan.json", text.replace(text.find("-0.5"), 4, "NaN"));
  CHECK_THROWS_AS(read_case(dir / "nan.json"), DataError);
  dir.write("large.json", text.replace(text.find("NaN"), 3, "1e999"));
  CHECK_THROWS_AS(read_case(dir / "large.json"), DataError);
  CHECK_THROWS_AS(read_case(dir / "absent.json"), DataError);
}

TEST_CASE("cases: unknown options, papers and functions are wrong usage") {
  CHECK(contains(complaint<UsageError>(with("/options/scal", 1)),
                 "options: unknown option 'scal'; did you mean 'scale'?"));
  CHECK(contains(complaint<UsageError>(with("/options/scale", "much")), "function scaled: scale"));
  CHECK(contains(complaint<UsageError>(with("/options/scale", -1)), "out of range"));
  CHECK(complaint<UsageError>(with("/options/limit", nullptr)).empty());
  const auto said = [](const std::string& paper, const std::string& function) -> std::string {
    try {
      find_case_function(paper, function);
    } catch (const UsageError& e) {
      return e.what();
    }
    return "";
  };
  CHECK(contains(said("neuralndgc", "ndcg"), "unknown paper 'neuralndgc'; did you mean 'neuralndcg'?"));
  CHECK(contains(said("neuralndcg", "neuralsort"),
                 "unknown function 'neuralsort'; did you mean 'neural-sort'?"));
  CHECK(said("neuralndcg", "ndcg").empty());
}

TEST_CASE("cases: double_only leaves a case to the double program") {
  nlohmann::json json = with("/expect/y/data/1", 5);
  json["double_only"] = true;
  const CaseReport report = check(json);
  CHECK(report.skipped == !kDouble);
  CHECK(report.passed() == !kDouble);
}

TEST_CASE("cases: shapes bind letters, options, sums, products, numbered names and further axes") {
  const auto match = [](const std::vector<CaseSizes::Value>& values) {
    try {
      CaseSizes sizes({{"steps", "integer", "4", "", ""}, {"k", "integer", "none", "", ""}},
                      {{"steps", "5"}});
      sizes.match(values, "inputs");
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(match({{"a", "steps+1", {6}}}).empty());
  CHECK(contains(match({{"a", "steps+1", {5}}}), "inputs.a: shape (5), expected (steps+1) = (6)"));
  CHECK(match({{"p", "o*d+o", {8}}, {"w", "o,d", {2, 3}}}).empty());  // whatever the order
  CHECK(!match({{"p", "o*d+o", {9}}, {"w", "o,d", {2, 3}}}).empty());
  CHECK(match({{"p", "o*d+o", {8}}, {"b", "o", {2}}, {"x", "n,d", {7, 3}}}).empty());
  CHECK(!match({{"p", "o*d+o", {8}}, {"b", "o", {2}}, {"x", "n,d", {7, 2}}}).empty());
  CHECK(match({{"l", "T+1", {4}}, {"g", "T", {3}}, {"h", "2*T-1", {5}}}).empty());
  CHECK(!match({{"l", "T+1", {0}}}).empty());
  CHECK(!match({{"l", "2*T", {5}}}).empty());
  CHECK(!match({{"l", "T+1", {4}}, {"g", "T", {4}}}).empty());
  CHECK(match({{"x", "B,...,3", {2, 5, 6, 3}}, {"y", "B,...", {2, 5, 6}}, {"s", "B", {2}}}).empty());
  CHECK(contains(match({{"x", "B,...", {2, 5, 6}}, {"y", "B,...", {2, 5, 7}}}),
                 "expected (B,...) = (2, 5, 6)"));
  CHECK(match({{"x", "B,...", {2}}, {"y", "B,...", {2}}}).empty());
  CHECK(!match({{"x", "B,C,...", {2}}}).empty());
  CHECK(match({{"loss", "", {}}}).empty());
  CHECK(!match({{"loss", "", {1}}}).empty());
  CHECK(!match({{"m", "n,n", {2, 3}}}).empty());
}

TEST_CASE("cases: a function that breaks its own text is a fault of gradus, not of the file") {
  const auto broken = [](void (*body)(const NoOptions&, const CaseValues&, CaseValues&)) {
    const CaseFunction f = case_function<NoOptions>({"f", "", {{"x", "n"}}, {{"y", "n"}}}, body);
    const TempDir dir;
    dir.write(
        "c.json",
        R"({"format": "gradus-case-1", "paper": "p", "function": "f", "inputs": {"x": {"shape": [1], "data": [1]}}})");
    try {
      call_case(read_case(dir / "c.json"), f);
    } catch (const DataError&) {
      return std::string("blames the file");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(broken([](const NoOptions&, const CaseValues& in, CaseValues& out) {
          out.set("y", in.tensor("x"));
        }).empty());
  CHECK(contains(broken([](const NoOptions&, const CaseValues&, CaseValues&) {}), "'y' is missing"));
  CHECK(contains(broken([](const NoOptions&, const CaseValues&, CaseValues& out) { out.set("y", 1.0); }),
                 "outputs.y: shape ()"));
  CHECK(contains(broken([](const NoOptions&, const CaseValues& in, CaseValues& out) {
                   out.set("y", in.tensor("x"));
                   out.set("z", in.tensor("x"));
                 }),
                 "'z' is not documented"));
  CHECK(contains(broken([](const NoOptions&, const CaseValues&, CaseValues& out) {
                   out.set("y", IntTensor::arange(1));
                 }),
                 "another type"));
}

TEST_CASE("cases: values by name") {
  CaseValues values;
  values.set("W1", Tensor::ones({2}));
  values.set("W2", Tensor::ones({3}));
  values.set("loss", 0.5);
  values.set("n", IntTensor::arange(2));
  CHECK(values.tensors("W#").size() == 2);
  CHECK(values.scalar("loss") == 0.5);
  CHECK_THROWS_AS(values.scalar("W1"), DataError);
  CHECK_THROWS_AS(values.tensor("n"), DataError);
  CHECK_THROWS_AS(values.ints("W3"), DataError);
  CHECK_THROWS_AS(values.set("loss", 1), Error);
}

TEST_CASE("cases: printed values read back exactly") {
  CaseValues values;
  values.set("third", Tensor::from({2, 1}, {real(1) / 3, real(-1e-30)}));
  values.set("count", IntTensor::from({2}, {std::int64_t{1} << 60, -5}));
  values.set("loss", 0.25);
  const nlohmann::json json = nlohmann::json::parse(case_json(values));
  CHECK(json["third"]["shape"] == nlohmann::json({2, 1}));
  CHECK(static_cast<real>(json["third"]["data"][0].get<double>()) == real(1) / 3);
  CHECK(static_cast<real>(json["third"]["data"][1].get<double>()) == real(-1e-30));
  CHECK(json["count"] ==
        nlohmann::json({{"shape", {2}}, {"type", "int"}, {"data", {std::int64_t{1} << 60, -5}}}));
  CHECK(json["loss"] == nlohmann::json({{"shape", nlohmann::json::array()}, {"data", {0.25}}}));
  CHECK(!json["third"].contains("type"));
}

}  // namespace gradus::case_tests
