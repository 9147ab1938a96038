// Recorded figures (records/*.json) as plain numbers: just enough JSON for them.
#pragma once

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lab {

/// A value of a JSON file.
struct Json {
  double number = 0;  // true is 1
  std::string text;
  std::vector<Json> items;
  std::map<std::string, Json> fields;

  bool has(const std::string& key) const { return fields.count(key) > 0; }
  const Json& operator[](const std::string& key) const {
    const auto at = fields.find(key);
    if (at == fields.end()) throw std::runtime_error("a record has no '" + key + "'");
    return at->second;
  }
  std::vector<double> numbers() const {
    std::vector<double> all;
    for (const Json& item : items) all.push_back(item.number);
    return all;
  }
};

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : text_(text) {}
  Json read() {
    Json value;
    const char c = next();
    if (c == '{' || c == '[') {
      const char end = c == '{' ? '}' : ']';
      ++at_;
      while (next() != end) {
        if (text_[at_] == ',') ++at_, next();
        if (c == '[') {
          value.items.push_back(read());
          continue;
        }
        const std::string key = read().text;
        if (next() != ':') throw std::runtime_error("a record is damaged");
        ++at_;
        value.fields[key] = read();
      }
      ++at_;
    } else if (c == '"') {
      for (++at_; text_.at(at_) != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
        value.text += text_.at(at_);
      }
      ++at_;
    } else if (std::isalpha(static_cast<unsigned char>(c))) {
      std::string word;
      while (std::isalpha(static_cast<unsigned char>(text_.at(at_)))) word += text_[at_++];
      value.number = word == "true";
    } else {
      char* end = nullptr;
      value.number = std::strtod(text_.c_str() + at_, &end);
      if (end == text_.c_str() + at_) throw std::runtime_error("a record is damaged");
      at_ = size_t(end - text_.c_str());
    }
    return value;
  }

 private:
  char next() {
    while (std::isspace(static_cast<unsigned char>(text_.at(at_)))) ++at_;
    return text_[at_];
  }
  const std::string text_;
  size_t at_ = 0;
};

/// records/NAME of this lab.
inline Json record(const std::string& name) {
  std::ifstream file(std::string(LAB_FOLDER) + "/records/" + name);
  if (!file) throw std::runtime_error("records/" + name + " cannot be read");
  std::ostringstream text;
  text << file.rdbuf() << '\n';
  return JsonReader(text.str()).read();
}

/// The options of a parameter in a recorded trajectory: those of the run, changed by its group.
struct Options {
  std::map<std::string, double> values;
  double get(const std::string& key, double otherwise) const {
    const auto at = values.find(key);
    return at == values.end() ? otherwise : at->second;
  }
};

/// Follows a recorded trajectory: calls step(name, w, g, options, t, lr_scale) for every parameter and step, and
/// check(name, w, expected, t) where figures were recorded.
template <class Step, class Check>
void follow(const std::string& name, const Step& step, const Check& check) {
  const Json run = record(name);
  const Json& problem = run["problem"];
  const Json gradients = problem.has("file") ? record(problem["file"].text) : problem["steps"];
  std::map<std::string, std::vector<double>> weights;
  std::map<std::string, Options> options;
  for (const auto& [key, value] : run["params"].fields) {
    weights[key] = value["data"].numbers();
    for (const auto& [option, given] : run["options"].fields) options[key].values[option] = given.number;
  }
  if (run.has("groups"))
    for (const Json& group : run["groups"].items)
      for (const Json& key : group["params"].items)
        for (const auto& [option, given] : group["options"].fields)
          options[key.text].values[option] = given.number;
  size_t next = 0;
  const auto& expected = run["expect"].items;
  for (size_t t = 1; t <= gradients.items.size() && next < expected.size(); ++t) {
    const double scale = run.has("lr_scale") ? run["lr_scale"].items[t - 1].number : 1;
    for (auto& [key, w] : weights)
      step(key, w, gradients.items[t - 1][key].numbers(), options[key], long(t), scale);
    if (size_t(expected[next]["step"].number) != t) continue;
    for (const auto& [key, value] : expected[next]["params"].fields)
      check(key, weights[key], value.numbers(), long(t));
    ++next;
  }
}

}  // namespace lab
