#include "core/kernels/weight_panels.h"

#include <utility>

#include "core/kernels/gemm.h"

namespace gradus::kernels {
namespace {

thread_local WeightPanels* innermost = nullptr;

}  // namespace

WeightPanels::Scope::Scope(WeightPanels& store) : store_(&store), before_(std::exchange(innermost, &store)) {
  for (auto& [weight, entry] : store.entries_) entry.used = false;
}
WeightPanels::Scope::~Scope() {
  std::erase_if(store_->entries_, [](const auto& item) { return !item.second.used; });
  innermost = before_;
}
WeightPanels* WeightPanels::current() { return innermost; }

const real* WeightPanels::of(const Tensor& w) {
  Entry& entry = entries_[w.data()];
  entry.used = true;
  const std::uint32_t version = w.storage()->version();
  if (!entry.weight || !(entry.weight.shape() == w.shape()) || entry.version != version) {
    const int64 out = w.dim(0), in = w.dim(1);
    entry = {w.detach(), Tensor({panel_numbers(in, out)}), version, true};
    pack_pieces(matrix_view(w.data(), in, true), in, out, 1, entry.panels.mutable_data());
  }
  return entry.panels.data();
}

}  // namespace gradus::kernels
