#include "apps/train/parametrisation.h"

#include <cmath>

#include "core/error.h"
#include "nn/mup.h"
#include "nn/weight_conditioning.h"
#include "optim/methods/width_scaling.h"
#include "optim/registry.h"

namespace gradus {
namespace {

struct MupSettings : MupOptions {
  WidthRule width;
  void visit(auto&& f) {
    MupOptions::visit(f);
    f("rule", width.rule, "weight decay of matrices: constant, with the root of the width, or with the width",
      choices({"sqrt", "constant", "linear"}));
    f("scale_eps", width.scale_eps, "eps of matrices is divided by the width too");
  }
};

Parametrisation standard(const OptionList&, Model&) { return {}; }

Parametrisation conditioned(const OptionList& list, Model& model) {
  ConditioningOptions options;
  set_options(options, list, "parametrisation conditioned");
  Parametrisation p;
  p.wants_drawn_weights = options.fixed;
  const std::vector<std::string> plain = condition_layers(model, options);
  if (!plain.empty())
    p.notes.push_back(
        fmt::format("--param conditioned: {} stay plain: rows or columns of zeros would never learn",
                    fmt::join(plain, ", ")));
  return p;
}

Parametrisation mup(const OptionList& list, Model& model) {
  MupSettings settings;
  set_options(settings, list, "parametrisation mup");
  const Mup mup = parametrise_mup(model, settings);
  const WidthFactors by_width = width_factors(settings.width, mup.k);
  Parametrisation p;
  p.for_adam = true;
  std::vector<std::string> matrices;
  const Parameters parameters = model.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool matrix = mup.roles[i] == WidthRole::kMatrix;
    if (matrix)
      p.factors.push_back({{"lr", by_width.matrix_lr},
                           {"weight_decay", by_width.matrix_weight_decay},
                           {"eps", by_width.matrix_eps}});
    else
      p.factors.push_back({{"weight_decay", 0}});
    if (matrix) matrices.push_back(parameters[i]->name);
  }
  p.notes.push_back(
      fmt::format("--param mup: width {} is {:.4g} times the base; step sizes of {} matrices times {:.4g}, "
                  "their weight decay times {:.4g}, no decay of others, logits times {:.4g}",
                  width_of(model.spec()), mup.k, matrices.size(), by_width.matrix_lr,
                  by_width.matrix_weight_decay, by_width.output));
  p.unfold = [factors = mup.factors](Model&) {
    for (const ForwardFactor& f : factors) {
      Tensor& w = f.slot.parameter()->value;
      const int64 inner = w.numel() / f.factor.numel();
      real* to = w.mutable_data();
      for (int64 i = 0; i < w.numel(); ++i) to[i] /= f.factor.data()[i / inner];
    }
  };
  return p;
}

struct Entry {
  ParametrisationEntry text;
  Parametrisation (*apply)(const OptionList&, Model&);
  void (*check)(const OptionList&);
};

template <class O>
Entry entry(const char* name, const char* summary, Parametrisation (*apply)(const OptionList&, Model&)) {
  return {{name, summary, describe_options<O>()}, apply, [](const OptionList& list) {
            O options;
            set_options(options, list, "parametrisation");
          }};
}
struct NothingToSet {
  void visit(auto&&) {}
};

const std::vector<Entry>& table() {
  static const std::vector<Entry> entries = {
      entry<NothingToSet>("standard", "layers compute with their weights", standard),
      entry<MupSettings>("mup", "first values, multipliers, step sizes and decay follow the width", mup),
      entry<ConditioningOptions>("conditioned", "layers compute with weights of lower condition number",
                                 conditioned),
  };
  return entries;
}

const Entry& find(const Spec& spec) {
  std::vector<std::string> names;
  for (const Entry& e : table()) {
    if (e.text.name == spec.name && spec.inner.empty()) return e;
    names.push_back(e.text.name);
  }
  throw UsageError(unknown_name("parametrisation", spec.name, names));
}

// How far a first step goes with a gradient of this size.
double first_step(const std::string& optim, real gradient) {
  const Parameters w = {make_parameter("fc.weight", ParamKind::kWeight, Tensor::ones({2, 2}))};
  w[0]->grad = Tensor::from({2, 2}, {gradient, -gradient, gradient, gradient});
  make_optimizer(optim, w)->step();
  return std::abs(static_cast<double>(w[0]->value.data()[1]) - 1);
}

}  // namespace

const std::vector<ParametrisationEntry>& parametrisations() {
  static const std::vector<ParametrisationEntry> all = [] {
    std::vector<ParametrisationEntry> texts;
    for (const Entry& e : table()) texts.push_back(e.text);
    return texts;
  }();
  return all;
}

void check_parametrisation(const std::string& text) {
  const Spec spec = parse_spec(text);
  find(spec).check(spec.options);
}

Parametrisation parametrise(const std::string& text, Model& model) {
  const Spec spec = parse_spec(text);
  return find(spec).apply(spec.options, model);
}

void check_steps_of_own_size(const std::string& optim) {
  double small = 0, large = 0;
  try {
    small = first_step(optim, real(0.1)), large = first_step(optim, real(0.2));
  } catch (const Error&) {
    return;  // asks for more than a gradient: nothing is known of it
  }
  if (small > 0 && large > 1.5 * small)
    fail<UsageError>(
        "--param mup: the steps of optimizer {} grow with the gradient; its step sizes by width are those of "
        "Adam and its kin (adam, adamw, lion, ...)",
        parse_spec(optim).name);
}

}  // namespace gradus
