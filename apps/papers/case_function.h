// A function of a paper on small numbers: named inputs and options to named outputs, calling the library's own code.
// `gradus replay` compares its outputs with recorded figures, `--print` prints them, `papers show` documents it.
//
//   CaseFunction neural_sort() {
//     return case_function<NeuralSortOptions>(
//         {"neural-sort", "relaxed permutation matrix of a list of scores",
//          {{"scores", "b,n"}, {"mask", "b,n", CaseType::kInt, "1: padding"}}, {{"permutation", "b,n,n"}}},
//         [](const NeuralSortOptions& o, const CaseValues& in, CaseValues& out) {
//           out.set("permutation", neural_sort(in.tensor("scores"), in.ints("mask"), o.temperature)); });
//   }
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/options.h"
#include "core/tensor.h"

namespace gradus {

enum class CaseType { kReal, kInt };

/// An input or output as documented. Dimensions are numbers, names of integer options (their values), letters bound by
/// the first value that has them, and sums, differences and products of these: "b,n,n", "T+1,o*d+o", "" for a scalar.
/// "..." stands for any further axes, the same wherever it stands: "B,..."; "...a" and "...b" for different ones. A name with # is a row of values numbered
/// from 1, as many as there are, at least one unless optional; # in its shape is the number: {"W#", "o#,i#"}.
struct CaseSlot {
  std::string name;
  std::string shape;
  CaseType type = CaseType::kReal;
  std::string help = "";
  bool optional = false;  ///< need not be given (inputs); may be absent (outputs)
};

/// "W3" of "W#" and 3.
std::string numbered_name(const std::string& pattern, int64 number);

/// Values by name, in the order set.
class CaseValues {
 public:
  using Value = std::variant<Tensor, IntTensor>;
  bool has(const std::string& name) const;
  /// Throws DataError naming the value where it is missing or of the other type.
  const Tensor& tensor(const std::string& name) const;
  const IntTensor& ints(const std::string& name) const;
  double scalar(const std::string& name) const;
  /// W1, W2, ... of the slot "W#", as many as there are.
  std::vector<Tensor> tensors(const std::string& numbered) const;
  void set(const std::string& name, Value value);
  void set(const std::string& name, double scalar);
  const std::vector<std::pair<std::string, Value>>& all() const { return values_; }

 private:
  std::vector<std::pair<std::string, Value>> values_;
};

struct CaseText {
  std::string name;     ///< "neural-sort"
  std::string summary;  ///< what it computes
  std::vector<CaseSlot> inputs, outputs;
};

struct CaseFunction {
  CaseText text;
  std::vector<OptionInfo> options;
  /// Throws UsageError for unknown options, whatever the library throws for numbers that make no sense.
  std::function<CaseValues(const OptionList& options, const CaseValues& inputs)> call;
};

/// A function with options O (a struct with visit, or NoOptions).
struct NoOptions {
  void visit(auto&&) {}
};
template <class O>
CaseFunction case_function(CaseText text, void (*body)(const O&, const CaseValues&, CaseValues&)) {
  CaseFunction f{std::move(text), describe_options<O>(), {}};
  f.call = [name = f.text.name, body](const OptionList& given, const CaseValues& inputs) {
    O options;
    set_options(options, given, "function " + name);
    CaseValues outputs;
    body(options, inputs, outputs);
    return outputs;
  };
  return f;
}

}  // namespace gradus
