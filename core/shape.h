// Shape: the extents of a tensor, at most eight of them, held inline.
#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/real.h"

namespace gradus {

/// Extents of a row-major tensor; rank 0 is a scalar with one element. Extents may be 0 (an empty tensor),
/// never negative. Throws ShapeError for more than kMaxRank axes, a negative extent or a product beyond 2^62.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64> dims) : Shape(std::span<const int64>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64> dims);
  explicit Shape(const std::vector<int64>& dims) : Shape(std::span<const int64>(dims)) {}

  int rank() const { return rank_; }
  /// Product of the extents; 1 for a scalar.
  int64 numel() const { return numel_; }
  /// Extent of axis i; negative i counts from the end. Throws ShapeError out of range.
  int64 operator[](int i) const { return dims_[static_cast<size_t>(axis(i))]; }
  /// i brought into 0..rank-1. Throws ShapeError out of range.
  int axis(int i) const;
  std::span<const int64> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  const int64* begin() const { return dims_.data(); }
  const int64* end() const { return dims_.data() + rank_; }
  /// Elements between neighbours along axis i.
  int64 stride(int i) const;

  bool operator==(const Shape& o) const;
  /// "(2, 3)".
  std::string str() const;

 private:
  std::array<int64, kMaxRank> dims_{};
  int rank_ = 0;
  int64 numel_ = 1;
};

/// The numpy broadcast of two shapes. Throws ShapeError naming `op` and both shapes.
Shape broadcast(const Shape& a, const Shape& b, const char* op);

}  // namespace gradus
