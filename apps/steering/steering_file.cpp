#include "apps/steering/steering_file.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/shape_ops.h"
#include "core/glob.h"
#include "core/options.h"
#include "core/safetensors.h"

namespace gradus {
namespace {

const std::string kVectors = ".vectors";

struct SteerSpec {
  std::string layer = "*", mode = "hard";
  double scale = 1;
  void visit(auto&& f) {
    f("layer", layer, "modules of the file, by name; a number is that of a block");
    f("scale", scale, "multiplies the vectors");
    f("mode", mode, "the likeliest vector, or their mean by the probe", choices({"hard", "soft"}));
  }
};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

void check_finite(const Tensor& t, const std::string& name, const std::string& path) {
  for (const real v : t.span())
    if (!std::isfinite(v)) fail<DataError>("{}: {} holds a number that is not finite", path, name);
}

// A tensor of this shape, or undefined where it may be missing and is.
Tensor of_shape(const TensorFile& file, const std::string& name, const Shape& shape, bool required,
                const std::string& path) {
  const Tensor* t = required ? &file.get(name, path) : file.find(name);
  if (!t) return {};
  if (t->shape() != shape)
    fail<DataError>("{}: {} has shape {}, expected {}", path, name, t->shape().str(), shape.str());
  check_finite(*t, name, path);
  return *t;
}

}  // namespace

bool names_module(const std::string& pattern, const std::string& path) {
  return glob_match(pattern, path) || path.ends_with("." + pattern);
}

std::vector<SteeredModule> read_steering(const std::string& path) {
  const TensorFile file = read_safetensors(path);
  std::vector<SteeredModule> modules;
  for (const auto& [tensor_name, tensor] : file.tensors) {
    if (!tensor_name.ends_with(kVectors)) continue;
    SteeredModule m{tensor_name.substr(0, tensor_name.size() - kVectors.size()), {}};
    Tensor vectors = tensor;
    if (vectors.rank() == 1) vectors = vectors.view({1, vectors.dim(0)});
    if (vectors.rank() != 2 || vectors.numel() == 0)
      fail<DataError>("{}: {} has shape {}, expected (K,d) or (d)", path, tensor_name, tensor.shape().str());
    check_finite(vectors, tensor_name, path);
    const int64 clusters = vectors.dim(0), width = vectors.dim(1);
    m.steering.vectors = vectors;
    const std::string probe = m.name + ".probe.";
    if (clusters > 1 || file.find(probe + "weight")) {
      SteeringProbe& p = m.steering.probe;
      p.weight = of_shape(file, probe + "weight", {clusters, width}, true, path);
      p.bias = of_shape(file, probe + "bias", {clusters}, true, path);
      p.mean = of_shape(file, probe + "mean", {width}, false, path);
      p.std = of_shape(file, probe + "std", {width}, false, path);
      if (!p.mean) p.mean = Tensor::zeros({width});
      if (!p.std) p.std = Tensor::ones({width});
      for (const real v : p.std.span())
        if (!(v > 0)) fail<DataError>("{}: {}std holds {}: needs numbers above 0", path, probe, v);
    }
    modules.push_back(std::move(m));
  }
  if (modules.empty())
    fail<DataError>("{}: holds no steering vectors: expected tensors named MODULE.vectors", path);
  return modules;
}

void write_steering(const std::string& path, const std::vector<SteeredModule>& modules) {
  TensorFile file;
  for (const SteeredModule& m : modules) {
    file.tensors.emplace_back(m.name + kVectors, m.steering.vectors.detach());
    const SteeringProbe& p = m.steering.probe;
    if (!p.weight) continue;
    const std::string probe = m.name + ".probe.";
    for (const auto& [name, tensor] : {std::pair<const char*, Tensor>("weight", p.weight),
                                       {"bias", p.bias},
                                       {"mean", p.mean},
                                       {"std", p.std}})
      file.tensors.emplace_back(probe + name, tensor.detach());
  }
  write_safetensors(path, file);
}

SteeringScope::SteeringScope(Module& model, const std::vector<std::string>& specs) {
  std::vector<std::string> names;
  for (const std::string& text : specs) {
    const Spec spec = parse_spec(text);
    SteerSpec options;
    set_options(options, spec.options, "--steer " + spec.name);
    std::vector<std::string> there;
    bool found = false;
    for (const SteeredModule& m : read_steering(spec.name)) {
      there.push_back(m.name);
      if (!names_module(options.layer, m.name)) continue;
      found = true;
      model.find(m.name);  // refuses what the model does not have
      size_t place = static_cast<size_t>(std::find(names.begin(), names.end(), m.name) - names.begin());
      if (place == names.size()) {
        names.push_back(m.name);
        parts_.emplace_back();
      }
      parts_[place].push_back({m.steering, {.alpha = options.scale, .mode = options.mode}});
    }
    if (!found)
      fail<UsageError>("--steer: no layer '{}' in {}, which has {}", options.layer, spec.name, joined(there));
  }
  if (names.empty()) return;
  started_.resize(names.size());
  taps_ = std::make_unique<ActivationTaps>(model, names, [this, names](size_t place, const Tensor& h) {
    const int64 rows = h.numel() / h.dim(-1), width = h.dim(-1);
    const int64 from = started_[place] ? 0 : rows - 1;
    started_[place] = 1;
    Tensor x = reshape(h, {rows, width});
    for (const Part& part : parts_[place]) {
      if (part.steering.vectors.dim(1) != width)
        fail<DataError>("--steer: vectors of {} numbers for {}, whose hidden states have {}",
                        part.steering.vectors.dim(1), names[place], width);
      x = steer(x, part.steering, part.options, from).hidden;
    }
    return reshape(x, h.shape());
  });
}

}  // namespace gradus
