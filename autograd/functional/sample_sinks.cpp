// Closed forms: one sample's part of a gradient, and its norm.
#include <algorithm>
#include <string_view>

#include "autograd/functional/sample_graph.h"
#include "autograd/graph_access.h"
#include "autograd/ops/attrs.h"
#include "core/blas.h"
#include "core/kernels/blocked_sum.h"
#include "core/kernels/conv_image_grad.h"
#include "core/kernels/reduce.h"
#include "core/kernels/stream_product.h"

namespace gradus {
namespace {

bool is(const Sink& s, std::string_view name) { return s.node->name() == name; }
bool is_linear_weight(const Sink& s) {
  return (is(s, "linear") || is(s, "linear_relu") || is(s, "linear_gelu")) && s.input == 1;
}

Tensor rows_of(const Tensor& t, int64 n, int64 samples) {
  const int64 r = t.dim(0) / samples;
  return t.rows(n * r, (n + 1) * r);
}

// x and g of one sample as matrices (r, in) and (r, out); linear_relu passes g where its output is not 0,
// linear_gelu times the slope it kept.
struct LinearRows {
  int64 r, in, out;
  const real *x, *g;
  std::vector<real> gated;
};
LinearRows linear_rows(const Sink& s, int64 n, int64 samples) {
  const Tensor& x = s.node->saved()[0];
  LinearRows m{0, x.dim(-1), s.g.dim(-1), nullptr, nullptr, {}};
  m.r = s.g.numel() / samples / m.out;
  m.x = x.data() + n * m.r * m.in;
  m.g = s.g.data() + n * m.r * m.out;
  if (is(s, "linear_relu")) {
    const real* y = GraphAccess::output(*s.node).data() + n * m.r * m.out;
    m.gated.resize(static_cast<size_t>(m.r * m.out));
    for (size_t i = 0; i < m.gated.size(); ++i) m.gated[i] = y[i] != 0 ? m.g[i] : 0;
    m.g = m.gated.data();
  } else if (is(s, "linear_gelu")) {
    const real* slope = GraphAccess::kept(*s.node).tensors[0].data() + n * m.r * m.out;
    m.gated.resize(static_cast<size_t>(m.r * m.out));
    for (size_t i = 0; i < m.gated.size(); ++i) m.gated[i] = m.g[i] * slope[i];
    m.g = m.gated.data();
  }
  return m;
}

// Gradients of all samples together larger than this leave the caches anyway.
constexpr int64 kBeyondCaches = int64{16} << 20;

// block (out, in) = or += g' x
void add_linear(const LinearRows& m, int64 samples, real* block, bool first) {
  if (m.r != 1) {
    gemm(true, false, m.out, m.in, m.r, 1, m.g, m.out, m.x, m.in, first ? 0 : 1, block, m.in);
    return;
  }
  if (first && samples * m.out * m.in * static_cast<int64>(sizeof(real)) > kBeyondCaches) {
    kernels::stream_outer_product(m.g, m.out, m.x, m.in, block);
    return;
  }
  for (int64 o = 0; o < m.out; ++o) {
    const real g = m.g[o];
    real* row = block + o * m.in;
    if (first) {
      for (int64 i = 0; i < m.in; ++i) row[i] = g * m.x[i];
    } else {
      for (int64 i = 0; i < m.in; ++i) row[i] += g * m.x[i];
    }
  }
}

bool is_conv(const Sink& s) { return is(s, "conv2d") || is(s, "conv2d_relu"); }
bool is_image_weight(const Sink& s) {
  if (!is_conv(s) || s.input != 1) return false;
  return kernels::image_weight_grad_fits(s.node->inputs()[1].shape, s.node->attr().as<Convolved>().spec);
}
// The leading axis may hold several images a sample.
void add_image_weight(const Sink& s, int64 n, int64 samples, real* block, bool first) {
  const Tensor &x = s.node->saved()[0], &y = GraphAccess::output(*s.node);
  const int64 r = s.g.dim(0) / samples, x_image = x.shape().stride(0), g_image = s.g.shape().stride(0);
  for (int64 i = n * r; i < (n + 1) * r; ++i)
    kernels::image_weight_grad(s.g.data() + i * g_image,
                               is(s, "conv2d_relu") ? y.data() + i * g_image : nullptr,
                               x.data() + i * x_image, x.dim(2), x.dim(3), s.node->inputs()[1].shape,
                               s.node->attr().as<Convolved>().spec, block, !(first && i == n * r));
}

// The bias of a convolution: sums of g over each output plane; behind a relu, of what it passed on.
void add_image_bias(const Sink& s, int64 n, int64 samples, real* block, bool first) {
  const int64 r = s.g.dim(0) / samples, channels = s.g.dim(1), plane = s.g.shape().stride(1);
  const bool gated = is(s, "conv2d_relu");
  if (first) std::fill_n(block, channels, real{0});
  for (int64 p = n * r * channels; p < (n + 1) * r * channels; ++p) {
    const real* g = s.g.data() + p * plane;
    const real* y = gated ? GraphAccess::output(*s.node).data() + p * plane : nullptr;
    block[p % channels] +=
        y ? kernels::blocked_sum(plane, [=](int64 i) { return y[i] != 0 ? g[i] : real{0}; })
          : kernels::sum_row(g, plane);
  }
}

void add_embedding(const Sink& s, int64 n, int64 samples, real* block, bool first) {
  const Shape& table = s.node->inputs()[0].shape;
  const IntTensor& ids = s.node->attr().as<Pick>().index;
  const int64 r = ids.numel() / samples, d = table.stride(0);
  if (first) std::fill_n(block, table.numel(), real{0});
  for (int64 j = n * r; j < (n + 1) * r; ++j) {
    real* row = block + ids[j] * d;
    const real* g = s.g.data() + j * d;
    for (int64 i = 0; i < d; ++i) row[i] += g[i];
  }
}

// y = (x - mean) rstd weight + bias, by rows: dweight = sum of g (x - mean) rstd, dbias = sum of g. Without a bias one
// cannot tell what a second input is; the call's own rule serves there.
bool is_row_norm(const Sink& s) {
  return (is(s, "layer_norm") && s.node->inputs().size() == 3) || is(s, "rms_norm");
}
void add_row_norm(const Sink& s, int64 n, int64 samples, real* block, bool first) {
  const Tensor& x = s.node->saved()[0];
  const auto& kept = GraphAccess::kept(*s.node).tensors;
  const int64 d = x.dim(-1), rows = x.numel() / d / samples;
  const real* mean = is(s, "layer_norm") ? kept[0].data() : nullptr;
  const real* rstd = kept.back().data();
  if (first) std::fill_n(block, d, real{0});
  for (int64 r = n * rows; r < (n + 1) * rows; ++r) {
    const real *g = s.g.data() + r * d, *v = x.data() + r * d;
    if (s.input == 2) {
      for (int64 i = 0; i < d; ++i) block[i] += g[i];
    } else {
      const real m = mean ? mean[r] : 0, q = rstd[r];
      for (int64 i = 0; i < d; ++i) block[i] += g[i] * (v[i] - m) * q;
    }
  }
}

// Any other call: its own rule on the rows of the sample.
void add_by_rule(const Sink& s, int64 n, int64 samples, real* block, bool first) {
  std::vector<Tensor> inputs;
  std::vector<Shape> shapes;
  std::vector<std::uint8_t> needs(s.node->inputs().size(), false);
  needs[s.input] = true;
  for (size_t i = 0; i < needs.size(); ++i) {
    const Tensor& x = s.node->saved()[i];
    std::vector<int64> dims(s.node->inputs()[i].shape.begin(), s.node->inputs()[i].shape.end());
    if (s.plan.by_rows[i]) dims[0] /= samples;
    shapes.emplace_back(dims);
    inputs.push_back(!x.defined() ? Tensor() : s.plan.by_rows[i] ? rows_of(x, n, samples) : x.detach());
  }
  const Tensor& y = GraphAccess::output(*s.node);
  const Grads grads = GraphAccess::vjp_at(*s.node, inputs, shapes, y.defined() ? rows_of(y, n, samples) : y,
                                          rows_of(s.g, n, samples), needs);
  const Tensor& part = grads[s.input];
  const int64 size = shapes[s.input].numel();
  if (!part.defined()) {
    if (first) std::fill_n(block, size, real{0});
  } else if (first) {
    std::copy_n(part.data(), size, block);
  } else {
    for (int64 i = 0; i < size; ++i) block[i] += part.data()[i];
  }
}

double dot(const real* a, const real* b, int64 n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64 i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

LinearSink linear_sink(const Sink& s, int64 samples) {
  const bool gated = is(s, "linear_relu");
  if (!(is(s, "linear") || gated) || s.input == 0) return {};
  const Tensor& x = s.node->saved()[0];
  const int64 out = s.g.dim(-1);
  if (!x.defined() || s.g.numel() != samples * out) return {};
  Tensor g = s.g.view({samples, out});
  if (gated) {
    const Tensor& y = GraphAccess::output(*s.node);
    g = g.clone();
    real* to = g.mutable_data();
    for (int64 i = 0; i < g.numel(); ++i)
      if (!(y.data()[i] > 0)) to[i] = 0;
  }
  return {x.view({samples, x.dim(-1)}), g};
}

void add_sample(const Sink& sink, int64 n, int64 samples, real* block, bool first) {
  if (is_linear_weight(sink)) {
    add_linear(linear_rows(sink, n, samples), samples, block, first);
  } else if (is_image_weight(sink)) {
    add_image_weight(sink, n, samples, block, first);
  } else if (is_conv(sink) && sink.input == 2) {
    add_image_bias(sink, n, samples, block, first);
  } else if (is(sink, "index_select")) {
    add_embedding(sink, n, samples, block, first);
  } else if (is_row_norm(sink)) {
    add_row_norm(sink, n, samples, block, first);
  } else {
    add_by_rule(sink, n, samples, block, first);
  }
}

// Gram matrices take r^2 (in + out) operations, the gradient r in out.
bool has_norm_form(const Sink& sink, int64 samples) {
  if (!is_linear_weight(sink)) return false;
  const int64 in = sink.node->saved()[0].dim(-1), out = sink.g.dim(-1), r = sink.g.numel() / samples / out;
  return r * (in + out) <= in * out;
}

double squared_norm(const Sink& sink, int64 n, int64 samples) {
  const LinearRows m = linear_rows(sink, n, samples);
  if (m.r == 1) return dot(m.x, m.x, m.in) * dot(m.g, m.g, m.out);
  std::vector<real> xx(static_cast<size_t>(m.r * m.r)), gg(xx.size());
  gemm(false, true, m.r, m.r, m.in, 1, m.x, m.in, m.x, m.in, 0, xx.data(), m.r);
  gemm(false, true, m.r, m.r, m.out, 1, m.g, m.out, m.g, m.out, 0, gg.data(), m.r);
  return dot(xx.data(), gg.data(), m.r * m.r);
}

}  // namespace gradus
