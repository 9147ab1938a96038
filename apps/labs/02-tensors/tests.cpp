#include "lab_test.h"
#include "tensor.h"

using lab::expect_equal;
using lab::expect_near;
using lab::expect_throws;
using lab::hint;

static Tensor counting(const Shape& shape) {
  size_t n = 1;
  for (const size_t s : shape) n *= s;
  std::vector<double> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = double(i);
  return Tensor(shape, v);
}

LAB_TEST("1.1", 1, "count") {
  expect_equal(count({2, 3, 4}), size_t(24), "(2, 3, 4)");
  expect_equal(count({}), size_t(1), "a scalar");
  expect_equal(count({3, 0}), size_t(0), "(3, 0)");
}
LAB_TEST("1.2", 3, "row-major strides") {
  expect_equal(row_major({2, 3, 4}), std::vector<size_t>{12, 4, 1}, "(2, 3, 4)");
  expect_equal(row_major({5}), std::vector<size_t>{1}, "(5)");
}
LAB_TEST("1.3", 3, "at") {
  hint("offset plus the sum of index times stride");
  Tensor t({2, 2}, {0, 1, 2, 3});
  t.strides = {1, 2};
  expect_near({t.at({0, 1}), t.at({1, 0})}, {2, 1},
              "numbers (0, 1, 2, 3), strides (1, 2): elements (0,1) and (1,0)");
  t.offset = 1, t.strides = {0, 1};
  expect_near(t.at({1, 1}), 2, "offset 1, strides (0, 1): element (1,1)");
}
LAB_TEST("2.1", 3, "transpose") {
  hint("a view: shape and strides change, no number moves");
  const Tensor t = counting({2, 3}), u = transpose(t, 0, 1);
  expect_equal(u.shape, Shape{3, 2}, "(2, 3), axes 0 and 1");
  expect_near(values(u), {0, 3, 1, 4, 2, 5}, "(0..5) as (2, 3), transposed");
  lab::expect(u.data == t.data, "the same numbers in memory", "a transpose");
}
LAB_TEST("2.2", 4, "slice") {
  hint("the last element must be below the end: sizes round up");
  const Tensor t = counting({2, 5});
  expect_near(values(slice(t, 1, 1, 4)), {1, 2, 3, 6, 7, 8}, "(0..9) as (2, 5), columns 1 to 3");
  expect_near(values(slice(t, 1, 0, 5, 2)), {0, 2, 4, 5, 7, 9}, "every second column");
  expect_near(values(slice(slice(t, 1, 1, 5, 2), 1, 1, 2)), {3, 8}, "a slice of a slice");
  expect_near(values(slice(slice(counting({9}), 0, 0, 9, 2), 0, 1, 5, 2)), {2, 6},
              "every second of every second of (0..8), from the second on");
}
LAB_TEST("2.3", 3, "contiguous") {
  const Tensor t = counting({2, 3});
  lab::expect(contiguous(t), "contiguous", "a new tensor");
  lab::expect(!contiguous(transpose(t, 0, 1)), "not contiguous", "its transpose");
  lab::expect(!contiguous(slice(t, 1, 0, 2)), "not contiguous", "its first two columns");
  lab::expect(contiguous(slice(t, 0, 1, 2)), "contiguous", "its last row, (1, 3)");
  lab::expect(contiguous(transpose(counting({1, 3}), 0, 1)), "contiguous", "(1, 3) transposed");
}
LAB_TEST("2.4", 4, "reshape") {
  hint("row-major order of the elements, whatever the strides");
  const Tensor t = counting({2, 3});
  expect_near(values(reshape(transpose(t, 0, 1), {6})), {0, 3, 1, 4, 2, 5},
              "the transpose of (0..5), as (6)");
  const Tensor row = reshape(slice(t, 0, 1, 2), {3, 1});
  expect_near(values(row), {3, 4, 5}, "its last row, as (3, 1)");
  lab::expect(row.data == t.data, "a view", "a reshape of contiguous elements");
  expect_throws([&] { reshape(t, {5}); }, "(2, 3) as (5)");
}
LAB_TEST("3.1", 4, "shapes that broadcast") {
  hint("align at the last axis");
  expect_equal(broadcast_shape({2, 3}, {3}), Shape{2, 3}, "(2, 3) with (3)");
  expect_equal(broadcast_shape({4, 1}, {1, 5}), Shape{4, 5}, "(4, 1) with (1, 5)");
  expect_equal(broadcast_shape({}, {2}), Shape{2}, "a scalar with (2)");
  expect_equal(broadcast_shape({0, 1}, {3}), Shape{0, 3}, "(0, 1) with (3)");
  expect_throws([] { broadcast_shape({2, 3}, {2}); }, "(2, 3) with (2)");
}
LAB_TEST("3.2", 4, "expand") {
  hint("stride 0 repeats an axis");
  const Tensor column({2, 1}, {1, 2});
  const Tensor wide = expand(column, {3, 2, 2});
  expect_near(values(wide), {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2}, "(1, 2) as (2, 1), expanded to (3, 2, 2)");
  lab::expect(wide.data == column.data, "a view", "an expansion");
}
LAB_TEST("3.3", 4, "combine") {
  const auto minus = [](double x, double y) { return x - y; };
  const Tensor t = combine(counting({2, 3}), Tensor({3}, {10, 20, 30}), minus);
  expect_near(values(t), {-10, -19, -28, -7, -16, -25}, "(0..5) as (2, 3) minus (10, 20, 30)");
  expect_near(values(combine(Tensor({2, 1}, {1, 2}), Tensor({}, {5}), minus)), {-4, -3},
              "(1, 2) as (2, 1) minus 5");
}
LAB_TEST("4.1", 4, "sum over an axis") {
  expect_near(values(sum(counting({2, 3}), 0)), {3, 5, 7}, "(0..5) as (2, 3), axis 0");
  expect_near(values(sum(transpose(counting({2, 3}), 0, 1), 0)), {3, 12}, "its transpose, axis 0");
  expect_equal(sum(counting({2, 3}), 1).shape, Shape{2, 1}, "(2, 3), axis 1");
}
LAB_TEST("4.2", 4, "mean and variance") {
  hint("n below the squares, not n - 1; deviations from the mean, not a difference of large squares");
  const Moments m = moments(Tensor({2, 3}, {1, 2, 6, 5, 5, 5}), 1);
  expect_near(values(m.mean), {3, 5}, "rows (1, 2, 6) and (5, 5, 5): means");
  expect_near(values(m.variance), {14.0 / 3, 0}, "their variances");
  const double far = 1e8;
  expect_near(values(moments(Tensor({3}, {far + 1, far + 2, far + 3}), 0).variance), {2.0 / 3},
              "(1e8 + 1, 1e8 + 2, 1e8 + 3)", 1e-6);
}
LAB_TEST("4.3", 5, "sum_to") {
  hint("axes that were missing go, axes of size 1 stay");
  const Tensor t = counting({2, 3});
  expect_near(values(sum_to(t, {3})), {3, 5, 7}, "(0..5) as (2, 3), to (3)");
  expect_near(values(sum_to(t, {2, 1})), {3, 12}, "to (2, 1)");
  expect_equal(sum_to(t, {}).shape, Shape{}, "to a scalar");
  expect_near(values(sum_to(t, {2, 3})), {0, 1, 2, 3, 4, 5}, "to its own shape");
  expect_equal(sum_to(t, {1, 3}).shape, Shape{1, 3}, "to (1, 3)");
}
LAB_TEST("4.4", 4, "matmul") {
  expect_near(values(matmul(counting({2, 3}), counting({3, 2}))), {10, 13, 28, 40},
              "(0..5) as (2, 3) times (0..5) as (3, 2)");
  expect_near(values(matmul(transpose(counting({3, 2}), 0, 1), counting({3, 1}))), {10, 13},
              "(0..5) as (3, 2), transposed, times (0, 1, 2)");
  expect_throws([] { matmul(counting({2, 3}), counting({2, 3})); }, "(2, 3) times (2, 3)");
}

LAB_MAIN
