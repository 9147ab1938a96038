#include "nn/recompute.h"

#include <unordered_set>
#include <utility>
#include <vector>

#include "autograd/primitive.h"
#include "nn/model.h"
#include "nn/modes.h"

namespace gradus {
namespace {

// Tensors in the place of parameters, for a scope.
class SlotSwap {
 public:
  SlotSwap(const std::vector<ParamSlot>& slots, std::span<const Tensor> values) : slots_(slots) {
    for (size_t i = 0; i < slots.size(); ++i) before_.push_back(slots[i].swap(values[i]));
  }
  ~SlotSwap() {
    for (size_t i = slots_.size(); i-- > 0;) slots_[i].swap(before_[i]);
  }
  SlotSwap(const SlotSwap&) = delete;
  SlotSwap& operator=(const SlotSwap&) = delete;

 private:
  const std::vector<ParamSlot>& slots_;
  std::vector<Tensor> before_;
};

// One call: what is differentiated are its input and its slots' values, in this order.
struct BlockCall {
  Module* module;
  std::vector<ParamSlot> slots;
  Rng::State rng;  // when it ran first

  Tensor on(std::span<const Tensor> inputs) const {
    const SlotSwap swap(slots, inputs.subspan(1));
    return module->call_plainly(inputs[0]);
  }
};

const Primitive kRecompute{.name = "recompute",
                           .forward =
                               [](const Ctx& c) {
                                 const Recording off(false);
                                 return c.attr<BlockCall>().on(c.all());
                               },
                           .composite =
                               [](const Ctx& c) {
                                 const BlockCall& call = c.attr<BlockCall>();
                                 const Reevaluation again(*call.module, call.rng);
                                 return call.on(c.all());
                               }};

std::vector<ParamSlot> slots_below(Module& module) {
  std::vector<ParamSlot> slots;
  std::unordered_set<const Parameter*> seen;
  module.visit([&](Module& m, const std::string&) {
    for (const Module::NamedSlot& s : m.slots())
      if (seen.insert(s.slot.parameter().get()).second) slots.push_back(s.slot);
  });
  return slots;
}

// The items that are made of layers, of the outermost lists, in order.
void collect_blocks(Module& module, std::vector<Module*>& blocks) {
  for (const Module::NamedChild& c : module.children()) {
    if (module.is_list() && !c.module->children().empty())
      blocks.push_back(c.module.get());
    else
      collect_blocks(*c.module, blocks);
  }
}

}  // namespace

Tensor Module::call_again(const Input& x) {
  return recording() ? recomputed_call(*this, x) : call_plainly(x);
}

Tensor recomputed_call(Module& module, const Input& x) {
  BlockCall call{&module, slots_below(module), module.run().rng.state()};
  std::vector<Tensor> inputs = {x.values()};
  for (const ParamSlot& slot : call.slots) inputs.push_back(slot.unmapped());
  return apply(kRecompute, inputs, Attr::of(std::move(call)));
}

int64 recompute_blocks(Module& model) {
  if (const auto* known = dynamic_cast<const Model*>(&model); known && known->task() == Task::kDenoising)
    fail<UsageError>("recompute: the blocks of {} take conditions beside their input", model.describe());
  std::vector<Module*> blocks;
  collect_blocks(model, blocks);
  if (blocks.size() < 2)
    fail<UsageError>(
        "recompute: {} has no list of two blocks or more whose activations could be computed again",
        model.describe());
  blocks.pop_back();
  for (Module* block : blocks) block->set_recompute(true);
  return static_cast<int64>(blocks.size());
}

}  // namespace gradus
