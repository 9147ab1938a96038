// Tensor: the one array type users see. Row-major, contiguous, reference-counted, 64-byte aligned storage.
//
// Copying a Tensor shares its storage (cheap); `clone` copies the numbers. `reshape` and `slice` share
// storage too. A tensor may carry derivative information (`meta`); what that is, only autograd/ knows.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "core/real.h"
#include "core/ref.h"
#include "core/shape.h"

namespace gradus {

/// A block of memory from the caching allocator, and how often it was opened for writing.
class Storage : public RefCounted {
 public:
  explicit Storage(std::size_t bytes);
  ~Storage() override;
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  std::uint32_t version() const { return version_; }
  void bump_version() { ++version_; }

 private:
  void* data_;
  std::size_t bytes_;
  std::uint32_t version_ = 0;
};

/// Number of tensor storages alive in this process (leak tests).
int64 live_storages();

/// What autograd hangs on a tensor; opaque here so that core does not see autograd.
class TensorMeta : public RefCounted {};

class Tensor {
 public:
  /// An undefined tensor: no storage; only defined(), assignment and copies are allowed.
  Tensor() = default;
  /// Uninitialised elements.
  explicit Tensor(Shape shape);

  static Tensor zeros(const Shape& shape) { return full(shape, 0); }
  static Tensor ones(const Shape& shape) { return full(shape, 1); }
  static Tensor full(const Shape& shape, real value);
  static Tensor scalar(real value) { return full({}, value); }
  /// Copies `values` (row-major). Throws ShapeError if their count is not shape.numel().
  static Tensor from(const Shape& shape, std::span<const real> values);
  static Tensor from(const Shape& shape, std::initializer_list<real> values);
  /// 0, 1, ..., n-1.
  static Tensor arange(int64 n);

  bool defined() const { return static_cast<bool>(storage_); }
  explicit operator bool() const { return defined(); }

  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64 numel() const { return shape_.numel(); }
  int64 dim(int i) const { return shape_[i]; }

  /// The elements, row-major.
  const real* data() const { return static_cast<const real*>(storage_->data()) + offset_; }
  std::span<const real> span() const { return {data(), static_cast<std::size_t>(numel())}; }
  std::vector<real> values() const { return {data(), data() + numel()}; }
  /// The elements for writing. A graph that saved this storage will refuse to use it afterwards (GraphError).
  real* mutable_data() {
    storage_->bump_version();
    return static_cast<real*>(storage_->data()) + offset_;
  }
  /// The single element of a tensor of numel 1. Throws ShapeError otherwise.
  real item() const;
  /// Element at the given index (slow: for tests and small reads). Throws ShapeError out of range.
  real at(std::initializer_list<int64> index) const;

  /// Same storage under another shape of equal numel, without derivative information (the differentiable op
  /// is gradus::reshape). Throws ShapeError.
  Tensor view(const Shape& shape) const;
  /// Rows begin..end-1 of the leading axis, sharing storage, without derivative information. Throws
  /// ShapeError.
  Tensor rows(int64 begin, int64 end) const;
  /// A copy of the elements, without derivative information.
  Tensor clone() const;
  /// Same storage, without derivative information.
  Tensor detach() const;
  /// Overwrites the elements with those of `source` (equal shape, else ShapeError).
  void copy_from(const Tensor& source);
  void fill(real value);

  /// Storage identity and version, used to detect changes in place.
  const Ref<Storage>& storage() const { return storage_; }
  bool same_storage(const Tensor& o) const { return storage_ == o.storage_; }

  const Ref<TensorMeta>& meta() const { return meta_; }
  void set_meta(Ref<TensorMeta> meta) { meta_ = std::move(meta); }

  /// "float32 (2, 3) [[1, 2, 3], [4, 5, 6]]", shortened in the middle when long.
  std::string str() const;

 private:
  Ref<Storage> storage_;
  int64 offset_ = 0;
  Shape shape_;
  Ref<TensorMeta> meta_;
};

/// Integers: class labels, token ids, indices, permutations. Row-major and contiguous like Tensor, never
/// differentiated.
class IntTensor {
 public:
  IntTensor() = default;
  explicit IntTensor(Shape shape);
  static IntTensor full(const Shape& shape, int64 value);
  static IntTensor from(const Shape& shape, std::span<const int64> values);
  static IntTensor from(const Shape& shape, std::initializer_list<int64> values);
  static IntTensor arange(int64 n);

  bool defined() const { return static_cast<bool>(storage_); }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64 numel() const { return shape_.numel(); }
  int64 dim(int i) const { return shape_[i]; }
  const int64* data() const { return static_cast<const int64*>(storage_->data()) + offset_; }
  int64* mutable_data() { return static_cast<int64*>(storage_->data()) + offset_; }
  std::span<const int64> span() const { return {data(), static_cast<std::size_t>(numel())}; }
  std::vector<int64> values() const { return {data(), data() + numel()}; }
  int64 operator[](int64 i) const { return data()[i]; }
  IntTensor view(const Shape& shape) const;
  IntTensor rows(int64 begin, int64 end) const;

 private:
  Ref<Storage> storage_;
  int64 offset_ = 0;
  Shape shape_;
};

}  // namespace gradus
