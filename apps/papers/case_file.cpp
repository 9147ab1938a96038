#include "apps/papers/case_file.h"

#include <algorithm>
#include <cmath>

#include "apps/papers/case_shape.h"
#include "apps/papers/paper.h"
#include "core/json_file.h"
#include "optim/replay/replay.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

const Json& case_field(const Json& object, const char* key, bool (Json::*is)() const noexcept,
                       const char* what) {
  if (!object.contains(key)) fail<DataError>("{}: is missing", key);
  if (!(object.at(key).*is)()) fail<DataError>("{}: needs {}, not {}", key, what, object.at(key).type_name());
  return object.at(key);
}

void check_keys(const Json& object, const std::vector<std::string>& valid, const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (std::find(valid.begin(), valid.end(), key) == valid.end())
      throw DataError(where + unknown_name("field", key, valid));
}

Shape case_shape(const Json& shape, const std::string& where) {
  std::vector<int64> extents;
  if (!shape.is_array()) fail<DataError>("{}.shape: needs a list of extents", where);
  for (const Json& extent : shape) {
    if (!extent.is_number_unsigned())
      fail<DataError>("{}.shape: needs extents >= 0, not {}", where, extent.dump());
    extents.push_back(extent.get<int64>());
  }
  try {
    return Shape(extents);
  } catch (const ShapeError& e) {
    fail<DataError>("{}.shape: {}", where, e.what());
  }
}

real case_number(const Json& number, const std::string& where) {
  if (!number.is_number()) fail<DataError>("{}: needs numbers, not {}", where, number.dump());
  const real value = static_cast<real>(number.get<double>());
  if (!std::isfinite(value)) fail<DataError>("{}: {} is not finite in {}", where, number.dump(), kRealName);
  return value;
}

int64 case_integer(const Json& number, const std::string& where) {
  const bool fits =
      number.is_number_integer() &&
      (!number.is_number_unsigned() || number.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (!fits) fail<DataError>("{}: needs integers, not {}", where, number.dump());
  return number.get<int64>();
}

// {"shape": [2], "type": "int", "data": [1, 2]} as the slot says.
CaseValues::Value case_value(const Json& json, const CaseSlot& slot, const std::string& section) {
  const std::string where = section + "." + slot.name;
  if (!json.is_object()) fail<DataError>("{}: needs shape and data", where);
  check_keys(json, {"shape", "type", "data"}, where + ": ");
  for (const char* key : {"shape", "data"})
    if (!json.contains(key)) fail<DataError>("{}.{}: is missing", where, key);
  const Json type = json.value("type", Json("real"));
  if (type != "real" && type != "int")
    fail<DataError>("{}.type: {} is neither \"real\" nor \"int\"", where, type.dump());
  const bool ints = type == "int";
  if (ints != (slot.type == CaseType::kInt))
    fail<DataError>("{}.type: is {}, where the function has {}", where, ints ? "int" : "real",
                    ints ? "real" : "int");
  const Shape shape = case_shape(json.at("shape"), where);
  const Json& data = json.at("data");
  if (!data.is_array()) fail<DataError>("{}.data: needs a list of numbers", where);
  if (static_cast<int64>(data.size()) != shape.numel())
    fail<DataError>("{}.data: {} numbers for shape {}", where, data.size(), shape.str());
  const auto read_into = [&](auto* out, auto read) {
    for (size_t i = 0; i < data.size(); ++i) out[i] = read(data[i], fmt::format("{}.data[{}]", where, i));
  };
  if (ints) {
    IntTensor value(shape);
    read_into(value.mutable_data(), case_integer);
    return value;
  }
  Tensor value(shape);
  read_into(value.mutable_data(), case_number);
  return value;
}

// The slots with each row of numbered ones ("W#") as long as the given names say.
std::vector<CaseSlot> expand_slots(const std::vector<CaseSlot>& slots,
                                   const std::vector<std::string>& given) {
  std::vector<CaseSlot> expanded;
  for (const CaseSlot& slot : slots) {
    if (slot.name.find('#') == std::string::npos) {
      expanded.push_back(slot);
      continue;
    }
    const auto has = [&](int64 i) {
      return std::find(given.begin(), given.end(), numbered_name(slot.name, i)) != given.end();
    };
    int64 last = slot.optional ? 0 : 1;
    for (int64 i = 1; i <= last + static_cast<int64>(given.size()); ++i)
      if (has(i)) last = i;
    for (int64 i = 1; i <= last; ++i) {
      if (slot.optional && !has(i)) continue;
      CaseSlot one = slot;
      one.name = numbered_name(slot.name, i), one.shape = numbered_name(slot.shape, i);
      expanded.push_back(std::move(one));
    }
  }
  return expanded;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

// The values of a section: all that the slots ask for, nothing else, of the types that they say.
CaseValues read_values(const Json& section, const std::vector<CaseSlot>& slots, const char* name) {
  std::vector<std::string> valid;
  for (const CaseSlot& slot : slots) valid.push_back(slot.name);
  for (const std::string& key : keys_of(section)) {
    if (std::find(valid.begin(), valid.end(), key) != valid.end()) continue;
    if (valid.empty()) fail<DataError>("{}.{}: the function has none", name, key);
    throw DataError(fmt::format("{}.{}: ", name, key) + unknown_name("value", key, valid));
  }
  CaseValues values;
  for (const CaseSlot& slot : slots) {
    if (section.contains(slot.name))
      values.set(slot.name, case_value(section.at(slot.name), slot, name));
    else if (!slot.optional)
      fail<DataError>("{}.{}: is missing", name, slot.name);
  }
  return values;
}

const Shape& shape_of(const CaseValues::Value& value) {
  return std::visit([](const auto& v) -> const Shape& { return v.shape(); }, value);
}

std::vector<std::string> names_of(const CaseValues& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values.all()) names.push_back(name);
  return names;
}

std::vector<CaseSizes::Value> documented_shapes(const CaseValues& values,
                                                const std::vector<CaseSlot>& slots) {
  std::vector<CaseSizes::Value> shapes;
  for (const CaseSlot& slot : slots)
    for (const auto& [name, value] : values.all())
      if (name == slot.name) shapes.push_back({name, slot.shape, shape_of(value)});
  return shapes;
}

// What a function gives is what it says it gives; else its text is wrong, not the case.
void check_outputs(const CaseValues& outputs, const std::vector<CaseSlot>& slots,
                   const std::string& function) {
  for (const auto& [name, value] : outputs.all()) {
    const auto slot =
        std::find_if(slots.begin(), slots.end(), [&, &n = name](const CaseSlot& s) { return s.name == n; });
    if (slot == slots.end()) fail<Error>("function {}: output '{}' is not documented", function, name);
    if (std::holds_alternative<IntTensor>(value) != (slot->type == CaseType::kInt))
      fail<Error>("function {}: output '{}' is of another type than documented", function, name);
  }
  for (const CaseSlot& slot : slots)
    if (!slot.optional && !outputs.has(slot.name))
      fail<Error>("function {}: output '{}' is missing", function, slot.name);
}

std::vector<double> numbers_of(const CaseValues::Value& value) {
  return std::visit([](const auto& v) { return std::vector<double>(v.data(), v.data() + v.numel()); }, value);
}

CaseOutput compare(const std::string& name, const CaseValues::Value& computed,
                   const CaseValues::Value& expected, double tolerance) {
  if (shape_of(computed) != shape_of(expected))
    fail<DataError>("expect.{}: shape {}, where the function gives {}", name, shape_of(expected).str(),
                    shape_of(computed).str());
  CaseOutput output{.name = name, .error = relative_error(numbers_of(computed), numbers_of(expected))};
  output.passed = output.error <= tolerance;
  if (const auto* ints = std::get_if<IntTensor>(&computed)) {
    output.passed = ints->values() == std::get<IntTensor>(expected).values();
    if (!output.passed) output.note = "integers differ";
  }
  return output;
}

// Errors say which file they are about; shapes that do not fit are the file's fault.
template <class F>
decltype(auto) about(const std::string& path, F&& f) {
  try {
    return f();
  } catch (const UsageError& e) {
    fail<UsageError>("{}: {}", path, e.what());
  } catch (const DataError& e) {
    fail<DataError>("{}: {}", path, e.what());
  } catch (const NumericError& e) {
    fail<NumericError>("{}: {}", path, e.what());
  } catch (const ShapeError& e) {
    fail<DataError>("{}: inputs: {}", path, e.what());
  }
}

}  // namespace

const CaseFunction& find_case_function(const std::string& paper, const std::string& function) {
  std::vector<std::string> valid;
  const auto pick = [&](const std::vector<CaseFunction>& functions) -> const CaseFunction& {
    std::vector<std::string> names;
    for (const CaseFunction& f : functions) {
      if (f.text.name == function) return f;
      names.push_back(f.text.name);
    }
    if (names.empty()) fail<UsageError>("paper {} has no functions", paper);
    throw UsageError("paper " + paper + ": " + unknown_name("function", function, names));
  };
  for (const Paper& p : papers()) {
    if (p.slug == paper) return pick(p.functions);
    valid.push_back(p.slug);
  }
  for (const Baselines& b : baselines()) {
    if (b.slug == paper) return pick(b.functions);
    valid.push_back(b.slug);
  }
  throw UsageError(unknown_name("paper", paper, valid));
}

const CaseFunction& function_of(const CaseFile& file) {
  return about(file.path,
               [&]() -> const CaseFunction& { return find_case_function(file.paper, file.function); });
}

CaseFile read_case(const std::string& path) {
  return about(path, [&] {
    CaseFile file{.path = path, .json = read_json(path)};
    const Json& json = file.json;
    if (!json.is_object()) fail<DataError>("not a case: an object is expected");
    const std::string format = case_field(json, "format", &Json::is_string, "a word").get<std::string>();
    if (format != kCaseFormat) throw DataError("format: " + unknown_name("format", format, {kCaseFormat}));
    check_keys(
        json,
        {"format", "paper", "function", "options", "inputs", "expect", "tolerance", "double_only", "source"},
        "");
    file.paper = case_field(json, "paper", &Json::is_string, "a word").get<std::string>();
    file.function = case_field(json, "function", &Json::is_string, "a word").get<std::string>();
    for (const char* key : {"options", "inputs", "expect"})
      if (json.contains(key)) case_field(json, key, &Json::is_object, "an object");
    if (json.contains("source"))
      file.source = case_field(json, "source", &Json::is_string, "text").get<std::string>();
    if (json.contains("double_only"))
      file.double_only = case_field(json, "double_only", &Json::is_boolean, "true or false").get<bool>();
    if (json.contains("expect")) {
      file.tolerance = case_field(json, "tolerance", &Json::is_number, "a number").get<double>();
      if (!(file.tolerance >= 0 && std::isfinite(file.tolerance)))
        fail<DataError>("tolerance: needs a number >= 0");
    }
    return file;
  });
}

namespace {

struct CalledCase {
  CaseValues outputs;
  CaseSizes sizes;
};

CalledCase call(const CaseFile& file, const CaseFunction& function) {
  const OptionList options = options_from_json(file.json.value("options", Json::object()));
  std::vector<std::string> valid;
  for (const OptionInfo& option : function.options) valid.push_back(option.name);
  for (const auto& [key, value] : options)
    if (std::find(valid.begin(), valid.end(), key) == valid.end())
      throw UsageError("options: " + (valid.empty() ? fmt::format("'{}': the function has none", key)
                                                    : unknown_name("option", key, valid)));

  const Json section = file.json.value("inputs", Json::object());
  const std::vector<CaseSlot> slots = expand_slots(function.text.inputs, keys_of(section));
  const CaseValues inputs = read_values(section, slots, "inputs");
  CalledCase called{{}, CaseSizes(function.options, options)};
  called.sizes.match(documented_shapes(inputs, slots), "inputs");
  called.outputs = function.call(options, inputs);
  const std::vector<CaseSlot> given = expand_slots(function.text.outputs, names_of(called.outputs));
  check_outputs(called.outputs, given, function.text.name);
  try {
    called.sizes.match(documented_shapes(called.outputs, given), "outputs");
  } catch (const DataError& e) {
    fail<Error>("function {}: {}", function.text.name, e.what());
  }
  return called;
}

}  // namespace

CaseValues call_case(const CaseFile& file, const CaseFunction& function) {
  return about(file.path, [&] { return call(file, function).outputs; });
}

CaseReport check_case(const CaseFile& file, const CaseFunction& function) {
  return about(file.path, [&] {
    CaseReport report{.tolerance = recorded_tolerance(file.tolerance)};
    report.skipped = file.double_only && sizeof(real) == sizeof(float);
    if (report.skipped) return report;
    if (!file.json.contains("expect"))
      fail<DataError>("expect: is missing (replay --print shows what the function gives)");
    const Json& section = file.json.at("expect");
    std::vector<CaseSlot> slots = expand_slots(function.text.outputs, keys_of(section));
    const CaseValues expected = read_values(section, slots, "expect");
    const CaseValues computed = call(file, function).outputs;
    for (const auto& [name, value] : expected.all()) {
      const auto same = [&, &n = name](const auto& v) { return v.first == n; };
      const auto found = std::find_if(computed.all().begin(), computed.all().end(), same);
      if (found == computed.all().end())
        report.outputs.push_back({name, INFINITY, false, "expected, but absent"});
      else
        report.outputs.push_back(compare(name, found->second, value, report.tolerance));
    }
    for (const auto& [name, value] : computed.all())
      if (!expected.has(name)) report.outputs.push_back({name, INFINITY, false, "there, but not expected"});
    return report;
  });
}

double CaseReport::error() const {
  double largest = 0;
  for (const CaseOutput& output : outputs)
    if (!(output.error <= largest)) largest = output.error;
  return largest;
}

bool CaseReport::passed() const {
  return std::all_of(outputs.begin(), outputs.end(), [](const CaseOutput& o) { return o.passed; });
}

std::string case_json(const CaseValues& values) {
  std::string text;
  for (const auto& [name, value] : values.all()) {
    nlohmann::ordered_json json = {{"shape", nlohmann::ordered_json::array()}};
    for (const int64 extent : shape_of(value)) json["shape"].push_back(extent);
    if (std::holds_alternative<IntTensor>(value)) json["type"] = "int";
    json["data"] = std::visit([](const auto& v) { return nlohmann::ordered_json(v.values()); }, value);
    text += fmt::format("{}{}: {}", text.empty() ? "{" : ",\n ", Json(name).dump(), json.dump());
  }
  return text.empty() ? "{}" : text + "}";
}

}  // namespace gradus
