#include "nn/mup.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/elementwise.h"
#include "nn/layers/attention.h"
#include "nn/registry.h"

namespace gradus {
namespace {

// The options that are widths: all grow together.
struct WidthOptions {
  const char* model;
  std::vector<std::string> options;
};
const std::vector<WidthOptions>& width_table() {
  static const std::vector<WidthOptions> table = {
      {"mlp", {"hidden"}},      {"residual-mlp", {"width", "hidden"}},
      {"resnet8", {"width"}},   {"lenet", {"conv1", "conv2", "hidden"}},
      {"resnet20", {"width"}},  {"resnet32", {"width"}},
      {"resnet56", {"width"}},  {"vgg", {"width"}},
      {"nf-resnet", {"width"}}, {"vit", {"dim"}},
      {"gpt", {"dim"}},         {"char-lstm", {"dim", "hidden"}},
      {"siren", {"hidden"}},
  };
  return table;
}

// The spec with every option written out, and where its widths stand.
struct Widths {
  Spec spec;
  std::vector<std::pair<size_t, std::vector<int64>>> values;  // of which option
};

Widths widths_of(const std::string& text) {
  Widths w{parse_spec(text), {}};
  const auto& table = width_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& e) { return w.spec.name == e.model; });
  if (found == table.end()) {
    std::vector<std::string> names;
    for (const auto& e : table) names.emplace_back(e.model);
    std::sort(names.begin(), names.end());
    fail<UsageError>("mup: model {} has no width that is known; those that have one are {}", w.spec.name,
                     fmt::join(names, ", "));
  }
  for (const std::string& name : found->options) {
    const auto given = std::find_if(w.spec.options.begin(), w.spec.options.end(),
                                    [&](const auto& o) { return o.first == name; });
    std::string value;
    if (given != w.spec.options.end()) {
      value = given->second;
    } else {
      for (const OptionInfo& info : model_entry(w.spec.name).options())
        if (info.name == name) value = info.default_value;
      w.spec.options.emplace_back(name, value);
    }
    std::vector<int64> sizes;
    parse_option(value, &sizes, at_least(1), fmt::format("model {}: {}", w.spec.name, name));
    const size_t at = given != w.spec.options.end() ? static_cast<size_t>(given - w.spec.options.begin())
                                                    : w.spec.options.size() - 1;
    w.values.emplace_back(at, sizes);
  }
  return w;
}

// Root mean square of the first n numbers that an initialiser draws.
double drawn_rms(const ParamSlot& slot, int64 n) {
  Tensor t(slot.shape());
  Rng rng(1);
  slot.init()(t, rng);
  double sum = 0;
  for (int64 i = 0; i < n; ++i) sum += static_cast<double>(t.data()[i]) * static_cast<double>(t.data()[i]);
  return std::sqrt(sum / static_cast<double>(n));
}

// The power of the width by which an initialiser's std falls: 0 constant, 1/2 as 1/sqrt(fan_in).
double falling_power(const ParamSlot& narrow, const ParamSlot& wide) {
  const int64 n = std::min(narrow.shape().numel(), wide.shape().numel());
  const double before = drawn_rms(narrow, n), after = drawn_rms(wide, n);
  if (before == 0 || after == 0) return std::nan("");  // zeros stay zeros
  return std::round(4 * std::log2(before / after)) / 4;
}

WidthRole role_of(const Parameter& narrow, const Parameter& wide) {
  int growing = 0;
  bool inputs_grow = false;
  for (int a = 0; a < narrow.value.rank(); ++a) {
    const bool grows = wide.value.dim(a) != narrow.value.dim(a);
    growing += grows;
    inputs_grow = inputs_grow || (grows && a == 1);
  }
  if (growing == 0) return WidthRole::kFixed;
  if (growing >= 2) return WidthRole::kMatrix;
  return narrow.kind == ParamKind::kHead && inputs_grow ? WidthRole::kHead : WidthRole::kVector;
}

void multiply(const ParamSlot& slot, const Tensor& factor, std::vector<ForwardFactor>& factors) {
  slot.set_map([factor](const Tensor& w) { return w * factor; });
  factors.push_back({slot, factor});
}

// Where the heads of attention grow: factors on the rows that make queries.
void scale_queries(Model& model, const Model& wide, double k, std::vector<ForwardFactor>& factors) {
  std::vector<const MultiHeadAttention*> wide_layers;
  const_cast<Model&>(wide).visit([&](Module& m, const std::string&) {
    if (const auto* attention = dynamic_cast<MultiHeadAttention*>(&m)) wide_layers.push_back(attention);
  });
  size_t next = 0;
  model.visit([&](Module& m, const std::string&) {
    const auto* attention = dynamic_cast<MultiHeadAttention*>(&m);
    if (!attention || wide_layers.at(next++)->dim() == attention->dim()) return;
    const int64 dim = attention->dim();
    Tensor factor = Tensor::ones({3 * dim, 1});
    for (int64 i = 0; i < dim; ++i) factor.mutable_data()[i] = static_cast<real>(1 / std::sqrt(k));
    multiply(attention->qkv.weight, factor, factors);
    if (attention->qkv.bias) multiply(attention->qkv.bias, factor.view({3 * dim}), factors);
  });
}

}  // namespace

int64 width_of(const std::string& spec) {
  int64 width = 0;
  for (const auto& [at, sizes] : widths_of(spec).values)
    for (const int64 size : sizes) width = std::max(width, size);
  if (width == 0) fail<UsageError>("mup: {} has no hidden layer whose width could grow", spec);
  return width;
}

std::string spec_at_width(const std::string& text, int64 numerator, int64 denominator) {
  Widths w = widths_of(text);
  for (const auto& [at, sizes] : w.values) {
    std::vector<std::string> scaled;
    for (const int64 size : sizes) {
      if (size * numerator % denominator)
        fail<UsageError>("mup: {} cannot be made {}/{} times as wide: {} is no whole number then", text,
                         numerator, denominator, w.spec.options[at].first);
      scaled.push_back(fmt::format("{}", size * numerator / denominator));
    }
    w.spec.options[at].second = fmt::format("{}", fmt::join(scaled, "-"));
  }
  return w.spec.str();
}

Mup parametrise_mup(Model& model, const MupOptions& o) {
  Mup mup;
  mup.k = static_cast<double>(width_of(model.spec())) / static_cast<double>(o.base);
  const auto wide = make_model(spec_at_width(model.spec(), 2, 1), model.data(), Rng(0));
  const Parameters parameters = model.parameters(), wider = wide->parameters();
  bool head = false;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Parameter& p = *parameters[i];
    const WidthRole role = role_of(p, *wider[i]);
    mup.roles.push_back(role);
    head = head || role == WidthRole::kHead;
    if (role == WidthRole::kFixed) continue;
    const ParamSlot slot = model.find_slot(p.name);
    const double falls = falling_power(slot, wide->find_slot(p.name));
    const double wanted = role == WidthRole::kMatrix ? 0.5 : 0;
    if (!std::isnan(falls) && falls != wanted && p.kind != ParamKind::kNorm) {
      const real factor = static_cast<real>(std::pow(mup.k, falls - wanted));
      real* w = p.value.mutable_data();
      for (int64 j = 0; j < p.value.numel(); ++j) w[j] *= factor;
    }
    if (role == WidthRole::kHead) multiply(slot, Tensor::scalar(static_cast<real>(1 / mup.k)), mup.factors);
  }
  if (!head)
    fail<UsageError>(
        "mup: {} has no output layer of its own whose multiplier could follow the width (gpt: tie=false)",
        model.spec());
  if (o.heads == "size") scale_queries(model, *wide, mup.k, mup.factors);
  return mup;
}

}  // namespace gradus
