// The errors gradus throws. Each kind has an exit code of its own (apps/main.cpp is the one place that
// catches them):
//   UsageError 2, DataError 3, NumericError 4; ShapeError, GraphError and everything else 1.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Base of all errors of gradus. The message ends with the module path it happened in, if any: "... (in
/// layer1.conv1)".
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what);
};

/// The caller asked for something that does not exist or make sense: unknown name, option out of range.
class UsageError : public Error {
 public:
  using Error::Error;
};
/// A file or data set is missing, truncated or not what it says it is.
class DataError : public Error {
 public:
  using Error::Error;
};
/// Shapes that an operation cannot take.
class ShapeError : public Error {
 public:
  using Error::Error;
};
/// Misuse of the derivative graph: freed, changed in place, not connected, no derivative rule.
class GraphError : public Error {
 public:
  using Error::Error;
};
/// NaN, infinity, a singular matrix: numbers with which the work cannot go on.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// While alive, names the module that is running; errors and NaN traces made meanwhile carry the whole path.
/// `name` must outlive the scope.
class ModuleScope {
 public:
  explicit ModuleScope(const std::string& name);
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;
};

/// The names of the open ModuleScopes of this thread joined by dots; "" outside of any.
std::string module_path();

/// The candidate that `word` may have meant, or "": the same but for capitals, what goes by that name elsewhere
/// ("learning_rate": lr), the nearest by edit distance if it is near enough to be a likely slip.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "unknown optimizer 'adm'; did you mean 'adam'? valid: adam, sgd": the one wording for unknown names. Of more than
/// twenty valid names the nearest three.
std::string unknown_name(std::string_view kind, std::string_view word, const std::vector<std::string>& valid);

/// Throws E with a fmt-formatted message.
template <class E, class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> f, Args&&... args) {
  throw E(fmt::format(f, std::forward<Args>(args)...));
}

}  // namespace gradus
