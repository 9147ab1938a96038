#include "nn/local/layer_taps.h"

#include <algorithm>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "nn/layers/norm.h"

namespace gradus {
namespace {

std::vector<Tensor> values_of(const Parameters& parameters) {
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters) values.push_back(p->value);
  return values;
}

}  // namespace

LayerTaps::LayerTaps(Module& model) : model_(model) {
  model.visit([&](Module& m, const std::string& path) {
    if (dynamic_cast<BatchNorm2d*>(&m))
      fail<UsageError>(
          "{} ties the examples of a batch together: no layer can be moved by each example's loss", path);
    if (own_parameters(m).empty()) return;
    m.visit([&](Module& below, const std::string& inner) {
      if (&below != &m && !own_parameters(below).empty())
        fail<UsageError>(
            "layer '{}' holds parameters of its own beside those of '{}': it cannot be moved by itself",
            path.empty() ? m.describe() : path, inner);
    });
    holders_.push_back(&m);
  });
  if (holders_.empty()) fail<UsageError>("no layer has parameters to train");
}

Parameters LayerTaps::own_parameters(const Module& module) {
  Parameters own;
  for (const Module::NamedSlot& s : module.slots())
    if (!s.slot.parameter()->frozen) own.push_back(s.slot.parameter());
  return own;
}

Tensor LayerTaps::run(const std::function<Tensor()>& pass, const At& at) {
  struct Hooks {
    const std::vector<Module*>& modules;
    ~Hooks() {
      for (Module* m : modules) m->set_output_hook(nullptr);
    }
  } hooks{holders_};
  size_t number = 0;
  for (Module* m : holders_)
    m->set_output_hook([&](Module& module, const Input&, const Tensor& y) {
      return at({number++, module, y});
    });
  return pass();
}

void add_layer_gradients(const Module& module, const std::vector<Tensor>& of_module,
                         const Parameters& parameters, std::vector<Tensor>& grads) {
  const Recording off(false);
  const Parameters own = LayerTaps::own_parameters(module);
  for (size_t i = 0; i < own.size(); ++i) {
    const auto found = std::find(parameters.begin(), parameters.end(), own[i]);
    if (found == parameters.end() || !of_module[i].defined()) continue;
    Tensor& sum = grads[static_cast<size_t>(found - parameters.begin())];
    sum = sum.defined() ? sum + of_module[i] : of_module[i];
  }
}

Tensor LayerTaps::pull_back(const std::function<Tensor()>& pass, const Cotangent& cotangent, size_t sites,
                            bool keep_last, const Parameters& parameters, std::vector<Tensor>& grads) {
  const Recording on(true);
  return run(pass, [&](const Site& site) {
    if (keep_last && site.number + 1 == sites) return Tensor();
    const Tensor g = cotangent(site);
    if (g.defined() && requires_grad(site.output)) {
      const std::vector<Tensor> own = values_of(own_parameters(site.module));
      add_layer_gradients(site.module, grad({&site.output, 1}, own, {&g, 1}, {.allow_unused = true}),
                          parameters, grads);
    }
    return stop_gradient(site.output);
  });
}

}  // namespace gradus
