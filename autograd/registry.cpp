#include "autograd/registry.h"

#include "autograd/ops/families.h"

namespace gradus {

const std::vector<PrimitiveEntry>& primitives() {
  static const std::vector<PrimitiveEntry> table = [] {
    struct Family {
      const char* name;
      PrimitiveList (*list)();
      bool differentiable = true;
    };
    const Family families[] = {
        {"elementwise, one input", unary_primitives},
        {"elementwise, broadcasting", binary_primitives},
        {"reduction", reduce_primitives},
        {"shape", shape_primitives},
        {"indexing", index_primitives},
        {"matrix product", matmul_primitives},
        {"convolution", conv_primitives},
        {"pooling", pool_primitives},
        {"softmax and losses", softmax_primitives},
        {"normalisation", norm_primitives},
        {"attention", attention_primitives},
        {"recurrence", recurrent_primitives},
        {"Fourier transform", fft_primitives},
        {"linear algebra", linalg_primitives},
        {"linear algebra, forward only", forward_only_primitives, false},
    };
    std::vector<PrimitiveEntry> entries;
    for (const Family& f : families)
      for (const Primitive* p : f.list()) entries.push_back({p, f.name, f.differentiable});
    return entries;
  }();
  return table;
}

const Primitive& find_primitive(std::string_view name) {
  std::vector<std::string> names;
  for (const PrimitiveEntry& e : primitives()) {
    if (name == e.primitive->name) return *e.primitive;
    names.emplace_back(e.primitive->name);
  }
  fail<UsageError>("{}", unknown_name("primitive", name, names));
}

}  // namespace gradus
