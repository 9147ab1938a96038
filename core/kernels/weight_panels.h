// Weights of linear layers packed once for many products.
//
// Who reads a text token by token multiplies the same matrices by one row, or one of each sequence, again and again. A
// product of so few rows takes as long as its weight takes to come from the cache; packing it anew each time, as `gemm`
// does, takes several times that. In panels it is read in memory order; and a row's sums are the same bits however many
// rows there are, so what is computed for a sequence does not depend on those read beside it.
#pragma once

#include <unordered_map>

#include "core/tensor.h"

namespace gradus::kernels {

/// Panels of the weights met so far. A weight that was written, or is another tensor, is packed anew; one that a whole scope
/// did not need is forgotten.
class WeightPanels {
 public:
  WeightPanels() = default;
  WeightPanels(const WeightPanels&) = delete;
  WeightPanels& operator=(const WeightPanels&) = delete;

  /// While alive, `linear` takes the weights on this thread from `store`. Scopes nest.
  class Scope {
   public:
    explicit Scope(WeightPanels& store);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    WeightPanels *store_, *before_;
  };
  /// That of the innermost scope on this thread, or null.
  static WeightPanels* current();

  /// w' of w (out,in), in >= 1, as `gemm_packed` reads it; valid until the scope ends or w is written.
  const real* of(const Tensor& w);
  /// Weights held.
  int64 size() const { return static_cast<int64>(entries_.size()); }

 private:
  struct Entry {
    Tensor weight, panels;  // the weight, so that no other one takes its place in memory
    std::uint32_t version = 0;
    bool used = false;
  };
  std::unordered_map<const real*, Entry> entries_;
};

}  // namespace gradus::kernels
