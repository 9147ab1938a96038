#include "nn/alignment/angle_signal.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace gradus {

AngleSignal angle_signal(const Tensor& hidden, int64 prefix_len, double w_inter) {
  if (hidden.rank() != 2)
    fail<ShapeError>("angle_signal: hidden states {}: needs (T,D)", hidden.shape().str());
  const int64 rows = hidden.dim(0), width = hidden.dim(1);
  if (prefix_len < 0 || prefix_len >= rows)
    fail<DataError>("angle_signal: a prefix of {} among {} tokens leaves no question", prefix_len, rows);
  std::vector<double> h(hidden.data(), hidden.data() + hidden.numel());
  for (int64 t = 0; t < rows; ++t) {
    double* row = h.data() + t * width;
    double squares = 0;
    for (int64 d = 0; d < width; ++d) squares += row[d] * row[d];
    const double length = std::max(std::sqrt(squares), 1e-12);
    for (int64 d = 0; d < width; ++d) row[d] /= length;
  }
  // The rows up to i sum to this: one product with it is the sum of all cosines of row i.
  std::vector<double> before(static_cast<size_t>(width), 0), in_prefix(before), in_question(before);
  const auto add = [&](std::vector<double>& to, const double* row) {
    for (int64 d = 0; d < width; ++d) to[static_cast<size_t>(d)] += row[d];
  };
  const auto product = [&](const std::vector<double>& a, const double* row) {
    double sum = 0;
    for (int64 d = 0; d < width; ++d) sum += a[static_cast<size_t>(d)] * row[d];
    return sum;
  };
  double all = 0, intra = 0, inter = 0;
  for (int64 i = 0; i < rows; ++i) {
    const double* row = h.data() + i * width;
    add(before, row);
    all += product(before, row);
    if (i < prefix_len) {
      add(in_prefix, row);
      continue;
    }
    add(in_question, row);
    intra += product(in_question, row);
    inter += product(in_prefix, row);
  }
  const auto pairs = [](int64 n) { return static_cast<double>(n) * static_cast<double>(n + 1) / 2; };
  const int64 question = rows - prefix_len;
  AngleSignal s;
  s.intra = intra / pairs(question);
  s.inter = prefix_len ? inter / (static_cast<double>(question) * static_cast<double>(prefix_len)) : 0;
  s.signal = s.intra + w_inter * s.inter;
  s.angle = all / pairs(rows);
  return s;
}

}  // namespace gradus
