// Shapes as the slots of case functions write them ("b,n,n", "T+1,o*d+o", "B,..."), and what their letters stand for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

/// The extents that letters have been bound to by the values seen so far.
class CaseSizes {
 public:
  /// Integer options are known from the start: their values as given, else their defaults.
  CaseSizes(const std::vector<OptionInfo>& options, const OptionList& given);

  /// Binds the letters of documented shapes to these values' extents and checks them. A dimension of one unknown letter
  /// ("T+1") binds it; one of several ("o*d+o") waits for other values to bind all but one of them, and is not checked
  /// if none does. Throws DataError naming value, shape, and what was bound before: "inputs.mask: shape (2, 4), expected
  /// (b,n) = (2, 5)".
  struct Value {
    std::string name, documented;
    Shape shape;
  };
  void match(const std::vector<Value>& values, const std::string& section);

 private:
  bool match_one(const Value& value, const std::string& section);
  bool match_extent(const std::string& expression, int64 extent, bool& waiting);
  [[noreturn]] void mismatch(const Value& value, const std::string& section) const;

  std::map<std::string, int64> known_;
  std::map<std::string, std::vector<int64>> further_;  // what "...", "...a" stand for
};

}  // namespace gradus
