// The reader and interpreter of onnx_reader.h, and the bytes of a small file, by hand; what models become is in export_test.cpp.
#include "tests/apps/export/onnx_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "apps/export/onnx_file.h"
#include "core/error.h"

namespace gradus::tests {
namespace onnx_reading {

using Int = std::int64_t;
using Ints = std::vector<Int>;

[[noreturn]] void complain(const std::string& what) { throw std::runtime_error("onnx: " + what); }

// Calls field(number, value, bytes) for each field of a message; `value` of a varint or the bits of a float.
void fields(const std::string& message, const std::function<void(int, std::uint64_t, std::string)>& field) {
  size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      if (at >= message.size() || shift > 63) complain("cut off");
      const auto byte = static_cast<unsigned char>(message[at++]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t tag = varint();
    const int number = static_cast<int>(tag >> 3);
    if ((tag & 7) == 0) {
      field(number, varint(), "");
    } else if ((tag & 7) == 5) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, message.data() + at, 4);
      at += 4;
      field(number, bits, "");
    } else if ((tag & 7) == 2) {
      const std::uint64_t size = varint();
      if (size > message.size() - at) complain("cut off");
      field(number, 0, message.substr(at, size));
      at += size;
    } else {
      complain("a field of an unknown type");
    }
  }
}

Ints packed(const std::string& bytes) {
  Ints values;
  std::string one;
  for (const char c : bytes) {
    one += c;
    if (static_cast<unsigned char>(c) >= 0x80) continue;
    fields('\x08' + one,
           [&](int, std::uint64_t v, const std::string&) { values.push_back(static_cast<Int>(v)); });
    one.clear();
  }
  return values;
}

void read_constant(const std::string& bytes, OnnxModel& model) {
  OnnxArray array;
  std::string name, raw;
  Int type = 0;
  fields(bytes, [&](int f, std::uint64_t v, const std::string& b) {
    if (f == 1) array.dims = packed(b);
    if (f == 2) type = static_cast<Int>(v);
    if (f == 8) name = b;
    if (f == 9) raw = b;
  });
  for (size_t at = 0; at < raw.size(); at += type == 1 ? 4 : 8) {
    float number = 0;
    Int integer = 0;
    if (type == 1) std::memcpy(&number, raw.data() + at, 4);
    if (type == 7) std::memcpy(&integer, raw.data() + at, 8);
    array.data.push_back(type == 1 ? static_cast<double>(number) : static_cast<double>(integer));
  }
  model.constants[name] = array;
}

OnnxNode read_node(const std::string& bytes) {
  OnnxNode node;
  fields(bytes, [&](int f, std::uint64_t, const std::string& b) {
    if (f == 1) node.inputs.push_back(b);
    if (f == 2) node.output = b;
    if (f == 4) node.op = b;
    if (f != 5) return;
    std::string name;
    Int type = 0, integer = 0;
    float number = 0;
    Ints list;
    fields(b, [&](int g, std::uint64_t v, const std::string& c) {
      if (g == 1) name = c;
      if (g == 2) number = std::bit_cast<float>(static_cast<std::uint32_t>(v));
      if (g == 3) integer = static_cast<Int>(v);
      if (g == 8) list = packed(c);
      if (g == 20) type = static_cast<Int>(v);
    });
    if (type == 1) node.attributes[name] = number;
    if (type == 2) node.attributes[name] = integer;
    if (type == 7) node.attributes[name] = list;
  });
  return node;
}

OnnxValue read_value(const std::string& bytes) {
  OnnxValue value;
  fields(bytes, [&](int f, std::uint64_t, const std::string& b) {
    if (f == 1) value.name = b;
    if (f != 2) return;
    fields(b, [&](int, std::uint64_t, const std::string& tensor) {
      fields(tensor, [&](int g, std::uint64_t v, const std::string& shape) {
        if (g == 1) value.type = static_cast<Int>(v);
        if (g != 2) return;
        fields(shape, [&](int, std::uint64_t, const std::string& dim) {
          fields(dim, [&](int h, std::uint64_t n, const std::string& word) {
            value.dims.push_back(h == 1 ? std::to_string(n) : word);
          });
        });
      });
    });
  });
  return value;
}

Int count(const Ints& dims) { return std::accumulate(dims.begin(), dims.end(), Int{1}, std::multiplies<>()); }
Ints strides(const Ints& dims) {
  Ints s(dims.size(), 1);
  for (size_t i = dims.size(); i-- > 1;) s[i - 1] = s[i] * dims[i];
  return s;
}
// Where element `flat` of an array of `dims` lies along each axis.
Ints index_of(Int flat, const Ints& dims) {
  Ints index(dims.size());
  for (size_t i = dims.size(); i-- > 0; flat /= dims[i]) index[i] = flat % dims[i];
  return index;
}
Ints broadcast(const Ints& a, const Ints& b) {
  Ints out(std::max(a.size(), b.size()), 1);
  for (const Ints* d : {&a, &b})
    for (size_t i = 1; i <= d->size(); ++i) {
      Int& o = out[out.size() - i];
      const Int n = (*d)[d->size() - i];
      if (o != 1 && n != 1 && o != n) complain("shapes do not broadcast");
      o = o == 1 ? n : o;
    }
  return out;
}
double at_broadcast(const OnnxArray& x, const Ints& index) {
  const Ints s = strides(x.dims);
  Int flat = 0;
  for (size_t i = 1; i <= x.dims.size(); ++i)
    if (x.dims[x.dims.size() - i] != 1) flat += s[s.size() - i] * index[index.size() - i];
  return x.data[static_cast<size_t>(flat)];
}
OnnxArray made(const Ints& dims, const std::function<double(const Ints&)>& element) {
  OnnxArray y{dims, {}};
  const Int n = count(dims);
  for (Int i = 0; i < n; ++i) y.data.push_back(element(index_of(i, dims)));
  return y;
}
Ints whole(const OnnxArray& x) { return {x.data.begin(), x.data.end()}; }

using Unary = double (*)(double);
const std::map<std::string, Unary> kUnary = {
    {"Identity", [](double x) { return x; }},
    {"Neg", [](double x) { return -x; }},
    {"Reciprocal", [](double x) { return 1 / x; }},
    {"Exp", [](double x) { return std::exp(x); }},
    {"Log", [](double x) { return std::log(x); }},
    {"Sqrt", [](double x) { return std::sqrt(x); }},
    {"Abs", [](double x) { return std::abs(x); }},
    {"Sin", [](double x) { return std::sin(x); }},
    {"Cos", [](double x) { return std::cos(x); }},
    {"Erf", [](double x) { return std::erf(x); }},
    {"Tanh", [](double x) { return std::tanh(x); }},
    {"Floor", [](double x) { return std::floor(x); }},
    {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"Softplus", [](double x) { return std::log1p(std::exp(x)); }},
    {"Relu", [](double x) { return std::max(x, 0.0); }},
    {"Sign", [](double x) { return double(x > 0) - double(x < 0); }},
};
using Binary = double (*)(double, double);
const std::map<std::string, Binary> kBinary = {
    {"Add", [](double a, double b) { return a + b; }},
    {"Sub", [](double a, double b) { return a - b; }},
    {"Mul", [](double a, double b) { return a * b; }},
    {"Div", [](double a, double b) { return a / b; }},
    {"Pow", [](double a, double b) { return std::pow(a, b); }},
    {"Min", [](double a, double b) { return std::min(a, b); }},
    {"Max", [](double a, double b) { return std::max(a, b); }},
    {"Less", [](double a, double b) { return double(a < b); }},
    {"LessOrEqual", [](double a, double b) { return double(a <= b); }},
    {"Greater", [](double a, double b) { return double(a > b); }},
    {"GreaterOrEqual", [](double a, double b) { return double(a >= b); }},
    {"Equal", [](double a, double b) { return double(a == b); }},
};

class Step {
 public:
  Step(const OnnxNode& node, const std::map<std::string, OnnxArray>& values) : node_(node) {
    for (const std::string& name : node.inputs) {
      const auto found = values.find(name);
      if (found == values.end()) complain("nothing is called " + name);
      in_.push_back(&found->second);
    }
  }

  OnnxArray result() const {
    const std::string& op = node_.op;
    const OnnxArray& x = *in_[0];
    if (const auto f = kUnary.find(op); f != kUnary.end())
      return made(x.dims, [&](const Ints& i) { return f->second(at_broadcast(x, i)); });
    if (const auto f = kBinary.find(op); f != kBinary.end())
      return made(broadcast(x.dims, in_[1]->dims),
                  [&](const Ints& i) { return f->second(at_broadcast(x, i), at_broadcast(*in_[1], i)); });
    if (op == "LeakyRelu" || op == "Elu")
      return made(x.dims, [&](const Ints& i) {
        const double v = at_broadcast(x, i), a = double(std::get<float>(node_.attributes.at("alpha")));
        return v > 0 ? v : a * (op == "Elu" ? std::expm1(v) : v);
      });
    if (op == "Clip")
      return made(x.dims, [&](const Ints& i) {
        return std::min(std::max(at_broadcast(x, i), in_[1]->data[0]), in_[2]->data[0]);
      });
    if (op == "Cast") {
      const Int to = integer("to");
      return made(x.dims, [&](const Ints& i) {
        const double v = at_broadcast(x, i);
        return to == 9 ? double(v != 0) : to == 7 ? std::trunc(v) : v;
      });
    }
    if (op == "Where")
      return made(broadcast(broadcast(x.dims, in_[1]->dims), in_[2]->dims), [&](const Ints& i) {
        return at_broadcast(at_broadcast(x, i) != 0 ? *in_[1] : *in_[2], i);
      });
    if (op == "Shape") {
      OnnxArray shape;
      for (Int i = integer("start"); i < integer("end"); ++i)
        shape.data.push_back(double(x.dims[static_cast<size_t>(i)]));
      shape.dims = {static_cast<Int>(shape.data.size())};
      return shape;
    }
    if (op == "Reshape") return {reshaped(), x.data};
    if (op == "Expand") {
      const OnnxArray* source = in_[0];
      return made(broadcast(x.dims, whole(*in_[1])), [=](const Ints& i) { return at_broadcast(*source, i); });
    }
    if (op == "Transpose") return transposed();
    if (op == "Concat") return concatenated();
    if (op == "Slice") return sliced();
    if (op == "Pad") return padded();
    if (op == "Gather") return gathered();
    if (op == "MatMul") return product(x, *in_[1]);
    if (op == "Gemm") return gemm();
    if (op == "Conv") return convolved();
    if (op == "MaxPool" || op == "AveragePool") return pooled(op == "MaxPool");
    if (op.starts_with("Reduce")) return reduced(op);
    if (op == "Softmax" || op == "LogSoftmax") return softmax(op == "LogSoftmax");
    complain("unknown operator " + op);
  }

 private:
  Int integer(const char* name) const { return std::get<Int>(node_.attributes.at(name)); }
  Ints list(const char* name) const { return std::get<Ints>(node_.attributes.at(name)); }

  Ints reshaped() const {
    Ints dims = whole(*in_[1]);
    const Int n = count(in_[0]->dims);
    for (Int& d : dims)
      if (d == -1) d = n / -count(dims);
    if (count(dims) != n) complain("reshape to another size");
    return dims;
  }
  OnnxArray transposed() const {
    const Ints order = list("perm");
    Ints dims;
    for (const Int axis : order) dims.push_back(in_[0]->dims[static_cast<size_t>(axis)]);
    return made(dims, [&](const Ints& i) {
      Ints from(i.size());
      for (size_t k = 0; k < i.size(); ++k) from[static_cast<size_t>(order[k])] = i[k];
      return at_broadcast(*in_[0], from);
    });
  }
  OnnxArray concatenated() const {
    const auto axis = static_cast<size_t>(integer("axis"));
    Ints dims = in_[0]->dims;
    for (size_t k = 1; k < in_.size(); ++k) dims[axis] += in_[k]->dims[axis];
    return made(dims, [&](Ints i) {
      size_t k = 0;
      while (i[axis] >= in_[k]->dims[axis]) i[axis] -= in_[k++]->dims[axis];
      return at_broadcast(*in_[k], i);
    });
  }
  OnnxArray sliced() const {
    Ints dims = in_[0]->dims, from(dims.size(), 0), step(dims.size(), 1);
    for (size_t k = 0; k < in_[1]->data.size(); ++k) {
      const auto axis = static_cast<size_t>(in_[3]->data[k]);
      const Int n = dims[axis], by = static_cast<Int>(in_[4]->data[k]);
      Int first = static_cast<Int>(in_[1]->data[k]);
      Int end = in_[2]->data[k] < double(-n) ? -n - 1 : static_cast<Int>(in_[2]->data[k]);
      if (first < 0) first += n;
      if (end < 0) end += n;
      from[axis] = first, step[axis] = by;
      dims[axis] = by > 0 ? (std::min(end, n) - first + by - 1) / by : (first - end - by - 1) / -by;
    }
    return made(dims, [&](Ints i) {
      for (size_t k = 0; k < i.size(); ++k) i[k] = from[k] + i[k] * step[k];
      return at_broadcast(*in_[0], i);
    });
  }
  OnnxArray padded() const {
    const Ints pads = whole(*in_[1]);
    Ints dims = in_[0]->dims;
    for (size_t k = 0; k < dims.size(); ++k) dims[k] += pads[k] + pads[k + dims.size()];
    return made(dims, [&](Ints i) {
      for (size_t k = 0; k < i.size(); ++k) {
        i[k] -= pads[k];
        if (i[k] < 0 || i[k] >= in_[0]->dims[k]) return in_[2]->data[0];
      }
      return at_broadcast(*in_[0], i);
    });
  }
  OnnxArray gathered() const {
    const auto axis = static_cast<size_t>(integer("axis"));
    const OnnxArray &x = *in_[0], &index = *in_[1];
    Ints dims(x.dims.begin(), x.dims.begin() + static_cast<std::ptrdiff_t>(axis));
    dims.insert(dims.end(), index.dims.begin(), index.dims.end());
    dims.insert(dims.end(), x.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.dims.end());
    const size_t inner = index.dims.size();
    return made(dims, [&](const Ints& i) {
      const Ints which(i.begin() + static_cast<std::ptrdiff_t>(axis),
                       i.begin() + static_cast<std::ptrdiff_t>(axis + inner));
      Ints from(i.begin(), i.begin() + static_cast<std::ptrdiff_t>(axis));
      from.push_back(static_cast<Int>(at_broadcast(index, which)));
      from.insert(from.end(), i.begin() + static_cast<std::ptrdiff_t>(axis + inner), i.end());
      if (from[axis] < 0 || from[axis] >= x.dims[axis]) complain("gather beyond the end");
      return at_broadcast(x, from);
    });
  }
  static OnnxArray product(const OnnxArray& a, const OnnxArray& b) {
    Ints left(a.dims.begin(), a.dims.end() - 2), right(b.dims.begin(), b.dims.end() - 2);
    Ints dims = broadcast(left, right);
    const Int m = a.dims[a.dims.size() - 2], k = a.dims.back(), n = b.dims.back();
    if (b.dims[b.dims.size() - 2] != k) complain("matrices do not fit");
    dims.push_back(m), dims.push_back(n);
    return made(dims, [&](const Ints& i) {
      Ints p = i, q = i;
      double sum = 0;
      for (Int j = 0; j < k; ++j) {
        p.back() = j, q[q.size() - 2] = j;
        sum += at_broadcast(a, p) * at_broadcast(b, q);
      }
      return sum;
    });
  }
  OnnxArray gemm() const {
    if (integer("transB") != 1) complain("a Gemm that is not written here");
    const OnnxArray &x = *in_[0], &w = *in_[1];
    if (x.dims[1] != w.dims[1]) complain("matrices do not fit");
    return made({x.dims[0], w.dims[0]}, [&](const Ints& i) {
      double sum = in_.size() == 3 ? in_[2]->data[static_cast<size_t>(i[1])] : 0;
      for (Int j = 0; j < x.dims[1]; ++j) sum += at_broadcast(x, {i[0], j}) * at_broadcast(w, {i[1], j});
      return sum;
    });
  }
  // Extent of an output axis, 0: rows, 1: columns.
  Int window_count(size_t axis, Int kernel, Int dilation) const {
    const Int size = in_[0]->dims[axis + 2] + 2 * list("pads")[axis];
    return (size - dilation * (kernel - 1) - 1) / list("strides")[axis] + 1;
  }
  OnnxArray convolved() const {
    const OnnxArray &x = *in_[0], &w = *in_[1];
    const Ints s = list("strides"), p = list("pads"), d = list("dilations");
    const Int groups = integer("group"), per_group = w.dims[0] / groups, channels = w.dims[1];
    return made({x.dims[0], w.dims[0], window_count(0, w.dims[2], d[0]), window_count(1, w.dims[3], d[1])},
                [&](const Ints& i) {
                  double sum = in_.size() == 3 ? in_[2]->data[static_cast<size_t>(i[1])] : 0;
                  for (Int c = 0; c < channels; ++c)
                    for (Int a = 0; a < w.dims[2]; ++a)
                      for (Int b = 0; b < w.dims[3]; ++b) {
                        const Int r = i[2] * s[0] + a * d[0] - p[0], q = i[3] * s[1] + b * d[1] - p[1];
                        if (r < 0 || r >= x.dims[2] || q < 0 || q >= x.dims[3]) continue;
                        sum += at_broadcast(w, {i[1], c, a, b}) *
                               at_broadcast(x, {i[0], i[1] / per_group * channels + c, r, q});
                      }
                  return sum;
                });
  }
  OnnxArray pooled(bool largest) const {
    const OnnxArray& x = *in_[0];
    const Ints k = list("kernel_shape"), s = list("strides"), p = list("pads");
    if (!largest && integer("count_include_pad") != 1) complain("a pooling that is not written here");
    return made({x.dims[0], x.dims[1], window_count(0, k[0], 1), window_count(1, k[1], 1)},
                [&](const Ints& i) {
                  double best = -std::numeric_limits<double>::infinity(), sum = 0;
                  for (Int a = 0; a < k[0]; ++a)
                    for (Int b = 0; b < k[1]; ++b) {
                      const Int r = i[2] * s[0] + a - p[0], q = i[3] * s[1] + b - p[1];
                      if (r < 0 || r >= x.dims[2] || q < 0 || q >= x.dims[3]) continue;
                      const double v = at_broadcast(x, {i[0], i[1], r, q});
                      best = std::max(best, v), sum += v;
                    }
                  return largest ? best : sum / double(k[0] * k[1]);
                });
  }
  OnnxArray reduced(const std::string& op) const {
    const OnnxArray& x = *in_[0];
    const Ints axes = whole(*in_[1]);
    Ints kept = x.dims, dims;
    for (const Int axis : axes) kept[static_cast<size_t>(axis)] = 1;
    const bool log_sum = op == "ReduceLogSumExp", sum = op == "ReduceSum" || log_sum,
               most = op == "ReduceMax";
    OnnxArray y{kept, std::vector<double>(static_cast<size_t>(count(kept)), sum    ? 0
                                                                            : most ? -INFINITY
                                                                                   : INFINITY)};
    const Ints s = strides(kept);
    for (size_t n = 0; n < x.data.size(); ++n) {
      const Ints i = index_of(static_cast<Int>(n), x.dims);
      Int flat = 0;
      for (size_t k = 0; k < i.size(); ++k)
        if (kept[k] != 1) flat += i[k] * s[k];
      double& o = y.data[static_cast<size_t>(flat)];
      const double v = log_sum ? std::exp(x.data[n]) : x.data[n];
      o = sum ? o + v : most ? std::max(o, v) : std::min(o, v);
    }
    if (log_sum)
      for (double& v : y.data) v = std::log(v);
    if (integer("keepdims") == 1) return y;
    for (size_t k = 0; k < kept.size(); ++k)
      if (std::find(axes.begin(), axes.end(), static_cast<Int>(k)) == axes.end()) dims.push_back(kept[k]);
    return {dims, y.data};
  }
  OnnxArray softmax(bool log) const {
    if (integer("axis") != -1) complain("a softmax that is not written here");
    OnnxArray y = *in_[0];
    const auto n = static_cast<size_t>(y.dims.back());
    for (size_t row = 0; row < y.data.size(); row += n) {
      double largest = -INFINITY, sum = 0;
      for (size_t i = 0; i < n; ++i) largest = std::max(largest, y.data[row + i]);
      for (size_t i = 0; i < n; ++i) sum += std::exp(y.data[row + i] - largest);
      for (size_t i = 0; i < n; ++i) {
        const double v = y.data[row + i] - largest;
        y.data[row + i] = log ? v - std::log(sum) : std::exp(v) / sum;
      }
    }
    return y;
  }

  const OnnxNode& node_;
  std::vector<const OnnxArray*> in_;
};

}  // namespace onnx_reading

OnnxModel read_onnx(const std::string& bytes) {
  using namespace onnx_reading;
  OnnxModel model;
  const auto pair = [](const std::string& b) {
    std::pair<std::string, std::string> entry;
    fields(b, [&](int f, std::uint64_t, const std::string& c) { (f == 1 ? entry.first : entry.second) = c; });
    return entry;
  };
  fields(bytes, [&](int f, std::uint64_t v, const std::string& b) {
    if (f == 1) model.ir_version = static_cast<Int>(v);
    if (f == 2) model.producer = b;
    if (f == 6) model.description = b;
    if (f == 8)
      fields(b, [&](int g, std::uint64_t n, const std::string&) {
        if (g == 2) model.opset = static_cast<Int>(n);
      });
    if (f == 14) model.metadata.insert(pair(b));
    if (f != 7) return;
    fields(b, [&](int g, std::uint64_t, const std::string& c) {
      if (g == 1) model.nodes.push_back(read_node(c));
      if (g == 5) read_constant(c, model);
      if (g == 11) model.inputs.push_back(read_value(c));
      if (g == 12) model.outputs.push_back(read_value(c));
    });
  });
  if (model.outputs.size() != 1) complain("not one output");
  return model;
}

OnnxArray run_onnx(const OnnxModel& model, std::map<std::string, OnnxArray> values) {
  for (const OnnxValue& v : model.inputs)
    if (!values.contains(v.name)) onnx_reading::complain("no input " + v.name);
  values.insert(model.constants.begin(), model.constants.end());
  for (const OnnxNode& node : model.nodes) values[node.output] = onnx_reading::Step(node, values).result();
  return values.at(model.outputs[0].name);
}

}  // namespace gradus::tests

namespace gradus::onnx_file_tests {

// y = x + w of (N,2), with w = (1, -2).
OperatorGraph sum_graph() {
  GraphBuilder b;
  const GraphValue x = b.input("x", ValueType::kFloat, {{1, true}, {2, false}});
  return b.finish(b.like("Add", {x, b.constant("w", {2}, {1, -2})}), "y");
}

TEST_CASE("an ONNX file is protobuf: the bytes of y = x + w, by hand") {
  const auto text = [](std::initializer_list<int> bytes) { return std::string(bytes.begin(), bytes.end()); };
  const auto sized = [&](int tag, const std::string& body) {
    return text({tag, static_cast<int>(body.size())}) + body;
  };
  // NodeProto: input 1, input 1, output 2, name 3, op_type 4.
  const std::string node =
      "\x0a\x01x"
      "\x0a\x01w"
      "\x12\x01y"
      "\x1a\x01y"
      "\x22\x03"
      "Add";
  // TensorProto: dims 1 packed, data_type 2 = FLOAT, name 8, raw_data 9: 1.0f, -2.0f.
  const std::string tensor =
      text({0x0a, 1, 2, 0x10, 1, 0x42, 1, 'w', 0x4a, 8, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0});
  // Dimension: dim_param 2 "batch"; dim_value 1 = 2. TypeProto.tensor_type 1: elem_type 1 = FLOAT, shape 2.
  const std::string shape = sized(0x0a, sized(0x12, "batch")) + sized(0x0a, text({0x08, 2}));
  const std::string type = sized(0x0a, text({0x08, 1}) + sized(0x12, shape));
  const std::string graph = sized(0x0a, node) + sized(0x12, "gradus") + sized(0x2a, tensor) +
                            sized(0x5a, sized(0x0a, "x") + sized(0x12, type)) +
                            sized(0x62, sized(0x0a, "y") + sized(0x12, type));
  const std::string model = text({0x08, 10}) + sized(0x12, "gradus") + sized(0x1a, "1") + sized(0x32, "sum") +
                            sized(0x3a, graph) + sized(0x42, text({0x0a, 0, 0x10, 21})) +
                            sized(0x72, sized(0x0a, "k") + sized(0x12, "v"));
  CHECK(onnx_bytes(sum_graph(), {21, "1", "sum", {{"k", "v"}}}) == model);
}

TEST_CASE("an ONNX file read back: numbers of more than seven bits, negative ones, attributes") {
  GraphBuilder b;
  const GraphValue x = b.input("x", ValueType::kFloat, {{1, true}, {1000, false}});
  const GraphValue y = b.reshape(x, {{1, true}, {4, false}, {250, false}});
  const tests::OnnxModel read = tests::read_onnx(
      onnx_bytes(b.finish(b.like("LeakyRelu", {y}, {{"alpha", 0.25f}}), "y"), {18, "2", ""}));
  CHECK(read.ir_version == 8);
  CHECK(read.opset == 18);
  CHECK(read.inputs.at(0).type == 1);
  CHECK(read.inputs.at(0).dims == std::vector<std::string>{"batch", "1000"});
  CHECK(read.outputs.at(0).dims == std::vector<std::string>{"batch", "4", "250"});
  CHECK(read.nodes.at(0).op == "Reshape");
  CHECK(read.constants.at(read.nodes.at(0).inputs.at(1)).data == std::vector<double>{-1, 4, 250});
  CHECK(std::get<float>(read.nodes.at(1).attributes.at("alpha")) == 0.25f);
  tests::OnnxArray in{{2, 1000}, std::vector<double>(2000, -8)};
  in.data[1999] = 3;
  const tests::OnnxArray out = tests::run_onnx(read, {{"x", in}});
  CHECK(out.dims == std::vector<std::int64_t>{2, 4, 250});
  CHECK(out.data[0] == -2);
  CHECK(out.data[1999] == 3);
}

TEST_CASE("an ONNX file with weights that are not finite is refused") {
  GraphBuilder b;
  const GraphValue x = b.input("x", ValueType::kFloat, {{1, true}, {1, false}});
  const OperatorGraph graph = b.finish(b.like("Add", {x, b.constant("w", {1}, {NAN})}), "y");
  CHECK_THROWS_WITH_AS(onnx_bytes(graph, {}), "export: w holds nan: the weights are not finite",
                       NumericError);
}

}  // namespace gradus::onnx_file_tests
