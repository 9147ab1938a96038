#include "autograd/functional/output_gram.h"

#include <algorithm>
#include <map>
#include <vector>

#include "autograd/functional/sample_graph.h"
#include "core/blas.h"
#include "core/threads.h"

namespace gradus {
namespace {

constexpr int64 kPanel = 192;                   // rows of the result that are computed at a time
constexpr int64 kLargestRows = int64{2} << 30;  // bytes

// A weight, its bias, or both, of one linear call.
struct LinearLayer {
  const Node* node = nullptr;
  bool weight = false, bias = false;
  Tensor x, g;  // (N,in), (N*K,out)
};

// A parameter by the rows of its part of M.
struct RowsLayer {
  Tensor rows;  // (N*K, numel)
};

class Layers {
 public:
  Layers(const Tensor& outputs, std::span<const Tensor> params, const Tensor& root)
      : samples_(outputs.dim(0)), columns_(root.dim(2)), graph_(sample_graph(outputs, params)) {
    if (!graph_.obstacle.empty())
      fail<GraphError>("Gauss-Newton: the outputs are not computed sample by sample: {}", graph_.obstacle);
    std::vector<int> uses(params.size());
    for (const Sink& s : graph_.sinks) {
      if (s.parameter < 0)
        fail<GraphError>("Gauss-Newton: {} reads a tensor that was computed from parameters", s.node->name());
      ++uses[static_cast<size_t>(s.parameter)];
    }
    for (int64 k = 0; k < columns_; ++k) {
      run_backward(outputs, column(outputs.shape(), root, k), graph_.sinks);
      for (size_t i = 0; i < graph_.sinks.size(); ++i) {
        const Sink& s = graph_.sinks[i];
        const auto parameter = static_cast<size_t>(s.parameter);
        const LinearSink linear = uses[parameter] == 1 ? linear_sink(s, samples_) : LinearSink{};
        if (linear.g.defined())
          add_linear(s, linear, k);
        else
          add_rows(s, parameter, params[parameter].numel(), k);
      }
    }
  }

  Tensor gram() const {
    const int64 size = samples_ * columns_;
    Tensor out = Tensor::zeros({size, size});
    for (const LinearLayer& layer : linear_) add_linear_gram(layer, out);
    for (const auto& [parameter, layer] : rows_) add_product(layer.rows, Tensor(), 0, out);
    real* p = out.mutable_data();
    for (int64 i = 0; i < size; ++i)
      for (int64 j = 0; j < i; ++j) p[i * size + j] = p[j * size + i];
    return out;
  }

 private:
  // Column k of every sample's root: (N,C).
  Tensor column(const Shape& shape, const Tensor& root, int64 k) const {
    Tensor out(shape);
    real* to = out.mutable_data();
    for (int64 i = 0; i < out.numel(); ++i) to[i] = root.data()[i * columns_ + k];
    return out;
  }

  void add_linear(const Sink& s, const LinearSink& linear, int64 k) {
    LinearLayer& layer = layer_of(s.node.get());
    (s.input == 1 ? layer.weight : layer.bias) = true;
    layer.x = linear.x;
    const int64 out = linear.g.dim(1);
    if (!layer.g.defined()) layer.g = Tensor({samples_ * columns_, out});
    for (int64 n = 0; n < samples_; ++n)
      std::copy_n(linear.g.data() + n * out, out, layer.g.mutable_data() + (n * columns_ + k) * out);
  }

  LinearLayer& layer_of(const Node* node) {
    for (LinearLayer& layer : linear_)
      if (layer.node == node) return layer;
    linear_.push_back({.node = node, .x = {}, .g = {}});
    return linear_.back();
  }

  void add_rows(const Sink& s, size_t parameter, int64 numel, int64 k) {
    RowsLayer& layer = rows_[parameter];
    const int64 size = samples_ * columns_;
    if (!layer.rows.defined()) {
      if (size * numel * static_cast<int64>(sizeof(real)) > kLargestRows)
        fail<UsageError>(
            "Gauss-Newton: {} outputs by {} numbers of a parameter behind {} are too many rows to hold; take "
            "a "
            "smaller batch",
            size, numel, s.node->name());
      layer.rows = Tensor::zeros({size, numel});
    }
    real* rows = layer.rows.mutable_data();
    parallel_for(samples_, 1, [&](int64 begin, int64 end) {
      for (int64 n = begin; n < end; ++n)
        add_sample(s, n, samples_, rows + (n * columns_ + k) * numel, false);
    });
  }

  void add_linear_gram(const LinearLayer& layer, Tensor& out) const {
    Tensor xx = Tensor::zeros({samples_, samples_});
    if (layer.weight)
      gemm(false, true, samples_, samples_, layer.x.dim(1), 1, layer.x.data(), layer.x.dim(1), layer.x.data(),
           layer.x.dim(1), 0, xx.mutable_data(), samples_);
    add_product(layer.g, xx, layer.bias ? 1 : 0, out);
  }

  // out += (rows rows') * (factor + plus), factor (N,N) one number a pair of samples, 1 where undefined; upper half.
  void add_product(const Tensor& rows, const Tensor& factor, real plus, Tensor& out) const {
    const int64 size = rows.dim(0), width = rows.dim(1);
    Tensor panel({std::min(kPanel, size), size});
    for (int64 from = 0; from < size; from += kPanel) {
      const int64 height = std::min(kPanel, size - from), length = size - from;
      real* product = panel.mutable_data();
      gemm(false, true, height, length, width, 1, rows.data() + from * width, width,
           rows.data() + from * width, width, 0, product, length);
      real* to = out.mutable_data();
      parallel_for(height, 16, [&](int64 begin, int64 end) {
        for (int64 i = begin; i < end; ++i) {
          const real* p = product + i * length;
          real* row = to + (from + i) * size + from;
          if (!factor.defined()) {
            for (int64 j = 0; j < length; ++j) row[j] += p[j];
            continue;
          }
          const real* f = factor.data() + (from + i) / columns_ * samples_;
          for (int64 j = 0; j < length;) {
            const int64 sample = (from + j) / columns_,
                        stop = std::min(length, (sample + 1) * columns_ - from);
            const real c = f[sample] + plus;
            for (; j < stop; ++j) row[j] += c * p[j];
          }
        }
      });
    }
  }

  int64 samples_, columns_;
  SampleGraph graph_;
  std::vector<LinearLayer> linear_;  // in the order they are met: sums must not depend on addresses
  std::map<size_t, RowsLayer> rows_;
};

}  // namespace

Tensor output_gram(const Tensor& outputs, std::span<const Tensor> params, const Tensor& root) {
  if (outputs.rank() != 2 || root.rank() != 3 || root.dim(0) != outputs.dim(0) ||
      root.dim(1) != outputs.dim(1))
    fail<ShapeError>("Gauss-Newton: outputs {} and a root {} do not fit; needs (N,C) and (N,C,K)",
                     outputs.shape().str(), root.shape().str());
  return Layers(outputs, params, root).gram();
}

}  // namespace gradus
