#include "autograd/ops/elementwise.h"
namespace gradus {
Tensor add(const Tensor& a, const Tensor&) { return a; }
void add_in_place(Tensor&, const Tensor&) {}
}  // namespace gradus
