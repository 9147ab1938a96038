// What samples every primitive must have besides ordinary ones, and why some cannot have them.
#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>

#include "autograd/registry.h"
#include "tests/autograd/contract.h"

namespace contract {
namespace {

bool any_of(const Tensors& x, const Tensor& y, const std::function<bool(const Tensor&)>& holds) {
  return holds(y) || std::any_of(x.begin(), x.end(), holds);
}

struct Trait {
  const char* name;
  bool (*shown)(const Tensors& x, const Tensor& y);
};
const Trait kTraits[] = {
    {"broadcasting",
     [](const Tensors& x, const Tensor& y) {
       return std::any_of(x.begin(), x.end(), [&](const Tensor& t) { return t.numel() < y.numel(); });
     }},
    {"empty", [](const Tensors& x,
                 const Tensor& y) { return any_of(x, y, [](const Tensor& t) { return t.numel() == 0; }); }},
    {"single",
     [](const Tensors& x, const Tensor&) {
       return std::all_of(x.begin(), x.end(), [](const Tensor& t) { return t.numel() == 1; });
     }},
    {"large",
     [](const Tensors& x, const Tensor& y) {
       return any_of(x, y, [](const Tensor& t) { return t.numel() > kLarge; });
     }},
};

// Where a trait makes no sense.
struct Excuse {
  std::string_view primitive, trait, why;
};
const Excuse kExcuses[] = {
    {"add_number", "broadcasting", "one input"},
    {"mul_number", "broadcasting", "one input"},
    {"div_number", "broadcasting", "one input"},
    {"irfft", "single", "the smallest spectrum is one complex number, two elements; that sample is there"},
    {"self_attention", "single", "one position of one head is three numbers: q, k, v; that sample is there"},
    {"lstm", "single", "one unit of one example at one step has four gates; that sample is there"},
};

bool wants(std::string_view trait, const gradus::PrimitiveEntry& e) {
  if (trait != "broadcasting") return true;
  return std::string_view(e.family) == "elementwise, broadcasting" ||
         std::string_view(e.primitive->name) == "matmul";
}
const Excuse* excuse(std::string_view primitive, std::string_view trait) {
  for (const Excuse& e : kExcuses)
    if (e.primitive == primitive && e.trait == trait) return &e;
  return nullptr;
}

}  // namespace

void check_coverage(const gradus::PrimitiveEntry& entry, const Samples& samples) {
  const std::string_view name = entry.primitive->name;
  for (const Trait& trait : kTraits) {
    if (!wants(trait.name, entry)) continue;
    const bool shown = std::any_of(samples.begin(), samples.end(), [&](const Sample& s) {
      return s.name == name && trait.shown(s.inputs, s.f(s.inputs));
    });
    if (const Excuse* e = excuse(name, trait.name)) {
      CHECK_MESSAGE(!shown, "needless excuse: ", name, " has a sample that is ", trait.name, " though ",
                    e->why);
    } else {
      CHECK_MESSAGE(shown, name, " has no sample that is ", trait.name);
    }
  }
}

}  // namespace contract

TEST_CASE("contract: excuses are for primitives that exist") {
  for (const contract::Excuse& e : contract::kExcuses) CHECK_NOTHROW(gradus::find_primitive(e.primitive));
}
