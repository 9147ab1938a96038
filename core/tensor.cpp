#include "core/tensor.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "core/allocator.h"
#include "core/error.h"

namespace gradus {
namespace {

std::atomic<int64> storages_alive{0};

std::size_t bytes_for(int64 numel, std::size_t element) { return static_cast<std::size_t>(numel) * element; }

void check_view(const Shape& from, const Shape& to) {
  if (from.numel() != to.numel()) fail<ShapeError>("reshape: {} does not fit into {}", from.str(), to.str());
}

// The shape of rows begin..end-1, and the elements a row has.
std::pair<Shape, int64> rows_shape(const Shape& shape, int64 begin, int64 end) {
  if (shape.rank() == 0 || begin < 0 || begin > end || end > shape[0])
    fail<ShapeError>("rows: {}..{} is out of range for shape {}", begin, end, shape.str());
  std::vector<int64> dims(shape.begin(), shape.end());
  dims[0] = end - begin;
  return {Shape(dims), shape.stride(0)};
}

void print_nested(std::string& out, const Tensor& t, int axis, int64 offset) {
  constexpr int64 kEdge = 3;
  if (axis == t.rank()) {
    out += fmt::format("{:.6g}", t.data()[offset]);
    return;
  }
  const int64 n = t.dim(axis);
  out += '[';
  for (int64 i = 0; i < n; ++i) {
    if (i) out += ", ";
    if (n > 2 * kEdge && i == kEdge) {
      out += "..., ";
      i = n - kEdge;
    }
    print_nested(out, t, axis + 1, offset + i * t.shape().stride(axis));
  }
  out += ']';
}

}  // namespace

Storage::Storage(std::size_t bytes) : data_(allocate(bytes)), bytes_(bytes) {
  storages_alive.fetch_add(1, std::memory_order_relaxed);
}
Storage::~Storage() {
  deallocate(data_, bytes_);
  storages_alive.fetch_sub(1, std::memory_order_relaxed);
}

int64 live_storages() { return storages_alive.load(std::memory_order_relaxed); }

Tensor::Tensor(Shape shape) : storage_(new Storage(bytes_for(shape.numel(), sizeof(real)))), shape_(shape) {}

Tensor Tensor::full(const Shape& shape, real value) {
  Tensor t(shape);
  t.fill(value);
  return t;
}

Tensor Tensor::from(const Shape& shape, std::span<const real> values) {
  if (static_cast<int64>(values.size()) != shape.numel())
    fail<ShapeError>("Tensor::from: {} values for shape {}", values.size(), shape.str());
  Tensor t(shape);
  std::copy(values.begin(), values.end(), t.mutable_data());
  return t;
}

Tensor Tensor::from(const Shape& shape, std::initializer_list<real> values) {
  return from(shape, std::span<const real>(values.begin(), values.size()));
}

Tensor Tensor::arange(int64 n) {
  Tensor t({n});
  std::iota(t.mutable_data(), t.mutable_data() + n, real{0});
  return t;
}

real Tensor::item() const {
  if (!defined() || numel() != 1)
    fail<ShapeError>("item: needs exactly one element, shape is {}", defined() ? shape_.str() : "undefined");
  return *data();
}

real Tensor::at(std::initializer_list<int64> index) const {
  if (static_cast<int>(index.size()) != rank())
    fail<ShapeError>("at: {} indices for shape {}", index.size(), shape_.str());
  int64 offset = 0;
  int axis = 0;
  for (int64 i : index) {
    if (i < 0 || i >= dim(axis))
      fail<ShapeError>("at: index {} out of range on axis {} of {}", i, axis, shape_.str());
    offset += i * shape_.stride(axis++);
  }
  return data()[offset];
}

Tensor Tensor::view(const Shape& shape) const {
  check_view(shape_, shape);
  Tensor t = detach();
  t.shape_ = shape;
  return t;
}

Tensor Tensor::rows(int64 begin, int64 end) const {
  const auto [shape, row] = rows_shape(shape_, begin, end);
  Tensor t = detach();
  t.shape_ = shape;
  t.offset_ += begin * row;
  return t;
}

Tensor Tensor::clone() const {
  Tensor t(shape_);
  std::copy_n(data(), numel(), t.mutable_data());
  return t;
}

Tensor Tensor::detach() const {
  Tensor t;
  t.storage_ = storage_;
  t.offset_ = offset_;
  t.shape_ = shape_;
  return t;
}

void Tensor::copy_from(const Tensor& source) {
  if (!(source.shape_ == shape_))
    fail<ShapeError>("copy_from: {} into {}", source.shape_.str(), shape_.str());
  std::copy_n(source.data(), numel(), mutable_data());
}

void Tensor::fill(real value) { std::fill_n(mutable_data(), numel(), value); }

std::string Tensor::str() const {
  if (!defined()) return "undefined";
  std::string out = fmt::format("{} {} ", kRealName, shape_.str());
  print_nested(out, *this, 0, 0);
  return out;
}

IntTensor::IntTensor(Shape shape)
    : storage_(new Storage(bytes_for(shape.numel(), sizeof(int64)))), shape_(shape) {}

IntTensor IntTensor::full(const Shape& shape, int64 value) {
  IntTensor t(shape);
  std::fill_n(t.mutable_data(), t.numel(), value);
  return t;
}

IntTensor IntTensor::from(const Shape& shape, std::span<const int64> values) {
  if (static_cast<int64>(values.size()) != shape.numel())
    fail<ShapeError>("IntTensor::from: {} values for shape {}", values.size(), shape.str());
  IntTensor t(shape);
  std::copy(values.begin(), values.end(), t.mutable_data());
  return t;
}

IntTensor IntTensor::from(const Shape& shape, std::initializer_list<int64> values) {
  return from(shape, std::span<const int64>(values.begin(), values.size()));
}

IntTensor IntTensor::arange(int64 n) {
  IntTensor t({n});
  std::iota(t.mutable_data(), t.mutable_data() + n, int64{0});
  return t;
}

IntTensor IntTensor::view(const Shape& shape) const {
  check_view(shape_, shape);
  IntTensor t = *this;
  t.shape_ = shape;
  return t;
}

IntTensor IntTensor::rows(int64 begin, int64 end) const {
  const auto [shape, row] = rows_shape(shape_, begin, end);
  IntTensor t = *this;
  t.shape_ = shape;
  t.offset_ += begin * row;
  return t;
}

}  // namespace gradus
