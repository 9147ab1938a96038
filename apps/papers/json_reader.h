// Reads the members of a JSON object; every complaint names the source and the place in it.
#pragma once

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/real.h"

namespace gradus {

/// Every member function throws DataError for what is missing or of another type.
class JsonReader {
 public:
  JsonReader(const nlohmann::json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) complain("expected an object");
  }
  const nlohmann::json& at(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end()) fail<DataError>("{}: there is no '{}'", where_, key);
    return *found;
  }
  bool has(const char* key) const { return json_.contains(key); }
  std::string where(const std::string& key) const { return where_ + ": " + key; }
  JsonReader object(const char* key) const { return {at(key), where(key)}; }
  const nlohmann::json& array(const char* key) const {
    return checked(at(key), key, &nlohmann::json::is_array, "an array");
  }
  const nlohmann::json& members(const char* key) const {
    return checked(at(key), key, &nlohmann::json::is_object, "an object");
  }
  std::string text(const char* key) const {
    return checked(at(key), key, &nlohmann::json::is_string, "text").get<std::string>();
  }
  std::string text(const char* key, const char* otherwise) const { return has(key) ? text(key) : otherwise; }
  bool flag(const char* key, bool otherwise) const {
    return has(key) ? checked(at(key), key, &nlohmann::json::is_boolean, "true or false").get<bool>()
                    : otherwise;
  }
  double number(const char* key) const { return number(at(key), key); }
  double number(const nlohmann::json& value, const std::string& key) const {
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    return checked(value, key, &nlohmann::json::is_number, "a number").get<double>();
  }
  std::vector<double> numbers(const char* key) const {
    std::vector<double> list;
    for (const nlohmann::json& v : array(key)) list.push_back(number(v, key));
    return list;
  }
  std::vector<int64> integers(const char* key) const {
    std::vector<int64> list;
    for (const nlohmann::json& v : array(key))
      list.push_back(checked(v, key, &nlohmann::json::is_number_integer, "an integer").get<int64>());
    return list;
  }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> list;
    for (const nlohmann::json& v : array(key))
      list.push_back(checked(v, key, &nlohmann::json::is_string, "text").get<std::string>());
    return list;
  }
  std::map<std::string, std::string> text_map(const char* key) const {
    std::map<std::string, std::string> map;
    for (const auto& [name, v] : members(key).items())
      map[name] = checked(v, name, &nlohmann::json::is_string, "text").get<std::string>();
    return map;
  }

 private:
  const nlohmann::json& checked(const nlohmann::json& v, const std::string& key,
                                bool (nlohmann::json::*is)() const noexcept, const char* what) const {
    if (!(v.*is)()) fail<DataError>("{}: {}: expected {}", where_, key, what);
    return v;
  }
  [[noreturn]] void complain(const char* what) const { fail<DataError>("{}: {}", where_, what); }

  const nlohmann::json& json_;
  std::string where_;
};

}  // namespace gradus
