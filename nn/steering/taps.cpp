#include "nn/steering/taps.h"

namespace gradus {

ActivationTaps::ActivationTaps(Module& root, const std::vector<std::string>& names, At at)
    : at_(std::move(at)) {
  for (const std::string& name : names) modules_.push_back(&root.find(name));
  for (size_t place = 0; place < modules_.size(); ++place)
    modules_[place]->set_output_hook(
        [this, place](Module&, const Input&, const Tensor& output) { return at_(place, output); });
}

ActivationTaps::~ActivationTaps() {
  for (Module* m : modules_) m->set_output_hook(nullptr);
}

std::vector<Tensor> read_activations(Module& root, const std::vector<std::string>& names, const Input& x) {
  const Recording off(false);
  std::vector<Tensor> seen(names.size());
  const ActivationTaps taps(root, names, [&](size_t place, const Tensor& output) {
    seen[place] = output.detach();
    return Tensor();
  });
  root(x);
  for (size_t i = 0; i < names.size(); ++i)
    if (!seen[i]) fail<UsageError>("activation taps: {} was not called", names[i]);
  return seen;
}

}  // namespace gradus
