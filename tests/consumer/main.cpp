#include <cstdio>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"

int main() {
  const gradus::Tensor x = gradus::variable(gradus::Tensor::from({2}, {3, 4}));
  std::puts(gradus::grad(gradus::sum(x * x), {x})[0].str().c_str());
}
