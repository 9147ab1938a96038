// The server's mean over clients.
//   Delta = sum_i p_i (x_i - x),  p_i = n_i / sum_j n_j (examples) or 1 / number of clients with data (uniform)
// Clients without data have p_i = 0 and are not counted.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace gradus {

/// What a client's part in the mean goes by.
enum class Weighting { kExamples, kUniform };
/// "examples" or "uniform". Throws UsageError for another word.
Weighting weighting_of(const std::string& word);

/// p_i of clients with so many examples each; all 0 if none has any. Throws DataError for a negative number.
std::vector<double> client_weights(std::span<const int64> examples, Weighting weighting);

/// A weighted sum of vectors, in double, in the order they are added, rounded once at the end: to be fed in ascending
/// client id, so that results do not depend on who computed what.
class WeightedSum {
 public:
  explicit WeightedSum(int64 size) : sum_(static_cast<size_t>(size)) {}
  /// Throws ShapeError for another size.
  void add(double weight, const Tensor& x);
  /// (size)
  Tensor result() const;

 private:
  std::vector<double> sum_;
};

/// end - start.
Tensor displacement(const Tensor& end, const Tensor& start);
/// x becomes x + delta.
void displace(Tensor& x, const Tensor& delta);

}  // namespace gradus
