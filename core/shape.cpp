#include "core/shape.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/error.h"

namespace gradus {

Shape::Shape(std::span<const int64> dims) {
  if (dims.size() > kMaxRank) fail<ShapeError>("a tensor has at most {} axes, not {}", kMaxRank, dims.size());
  rank_ = static_cast<int>(dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  for (int64 d : dims) {
    if (d < 0) fail<ShapeError>("negative extent in shape ({})", fmt::join(dims, ", "));
    if (__builtin_mul_overflow(numel_, d, &numel_) || numel_ > (int64{1} << 62))
      fail<ShapeError>("shape ({}) has too many elements", fmt::join(dims, ", "));
  }
}

int Shape::axis(int i) const {
  const int k = i < 0 ? i + rank_ : i;
  if (k < 0 || k >= rank_) fail<ShapeError>("axis {} is out of range for shape {}", i, str());
  return k;
}

int64 Shape::stride(int i) const {
  int64 s = 1;
  for (int k = rank_ - 1; k > axis(i); --k) s *= dims_[static_cast<size_t>(k)];
  return s;
}

bool Shape::operator==(const Shape& o) const {
  return rank_ == o.rank_ && std::equal(begin(), end(), o.begin());
}

std::string Shape::str() const { return fmt::format("({})", fmt::join(dims(), ", ")); }

Shape broadcast(const Shape& a, const Shape& b, const char* op) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<int64, Shape::kMaxRank> dims{};
  for (int i = 1; i <= rank; ++i) {
    const int64 x = i <= a.rank() ? a[-i] : 1, y = i <= b.rank() ? b[-i] : 1;
    if (x != y && x != 1 && y != 1)
      fail<ShapeError>("{}: shapes {} and {} do not broadcast", op, a.str(), b.str());
    dims[static_cast<size_t>(rank - i)] = x == 1 ? y : x;
  }
  return Shape(std::span<const int64>(dims.data(), static_cast<size_t>(rank)));
}

}  // namespace gradus
