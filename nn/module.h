// Module: a tree of named layers that own named parameters and buffers, as in torch.
//
//   struct Head : Module {
//     Linear& fc1 = add<Linear>("fc1", 784, 128);        // registered in the order of declaration
//     Linear& fc2 = add<Linear>("fc2", 128, 10);
//     Tensor forward(const Input& x) override { return fc2(fc1.relu(x.values())); }
//   };
//   Head head;
//   head.initialise(Rng(0));                             // values depend on (seed, parameter name) only
//   Tensor y = head(x);                                  // errors inside end with "(in fc1)"
//
// A module is not copied or moved: children keep their address, parents refer to them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "autograd/parameter.h"
#include "core/error.h"
#include "nn/init.h"
#include "nn/input.h"
#include "nn/param_slot.h"

namespace gradus {

/// What all modules of a tree share while they run. Save `rng` in checkpoints; set it back (and stop the
/// update of statistics) to evaluate a step again, see nn/modes.h.
struct RunState {
  bool training = true;           ///< dropout drops, batch norm uses batch statistics
  bool update_statistics = true;  ///< training passes move running statistics
  /// > 0: evaluation passes estimate the running statistics anew, this is the pass with that number (nn/modes.h).
  int64 estimating = 0;
  Rng rng;  ///< of dropout, stochastic depth and other noise
};

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// Runs forward under this module's name; then the output hook, if any.
  Tensor operator()(const Input& x) { return recompute_ ? call_again(x) : call_plainly(x); }
  /// The same, whatever set_recompute() says.
  Tensor call_plainly(const Input& x) {
    return call(x, [&] { return forward(x); });
  }
  /// The layer's function; call the module, not this. Shapes as the layer says; throws ShapeError.
  virtual Tensor forward(const Input& x) = 0;

  /// "fc1" within its parent; "" for a root.
  const std::string& name() const { return name_; }
  /// Names from below the root, joined by dots: "layer1.0.conv1".
  std::string path() const;
  /// "Linear(784, 256)": for the layer table.
  virtual std::string describe() const { return "Module"; }
  /// Multiply-adds times two (and one for each other elementary operation that a layer is made of) of one
  /// call; children not included.
  virtual int64 flops(const Shape& input, const Shape& output) const {
    static_cast<void>(input), static_cast<void>(output);
    return 0;
  }

  /// All parameters of the tree, a shared one once: own first, then the children's, in order of registration.
  Parameters parameters() const;
  /// Those that are not frozen.
  Parameters trainable() const;
  /// Draws every parameter's first values with its initialiser from rng.fork(full name).
  void initialise(const Rng& rng);

  struct NamedSlot {
    std::string name;
    ParamSlot slot;
  };
  struct NamedBuffer {
    std::string name;
    Tensor value;
  };
  struct NamedChild {
    std::string name;
    std::unique_ptr<Module> module;
  };
  const std::vector<NamedSlot>& slots() const { return slots_; }
  std::deque<NamedBuffer>& buffers() { return buffers_; }
  const std::vector<NamedChild>& children() const { return children_; }
  /// Calls f(module, path) on this module (path "") and everything below, parents first.
  template <class F>
  void visit(F&& f, const std::string& path = "") {
    f(*this, path);
    for (const NamedChild& c : children_) c.module->visit(f, path.empty() ? c.name : path + "." + c.name);
  }
  /// The module or slot at a path from here ("layer1.0.conv1", "layer1.0.conv1.weight"). Throws UsageError
  /// naming the nearest.
  Module& find(const std::string& path);
  ParamSlot find_slot(const std::string& path);

  /// The state shared by the whole tree (the root's).
  RunState& run();
  bool training() { return run().training; }
  void set_training(bool on) { run().training = on; }

  /// Whether calls that are recorded keep nothing but their inputs, and run again in the backward pass (nn/recompute.h). For
  /// modules whose one input is a tensor.
  void set_recompute(bool on) { recompute_ = on; }
  bool recomputes() const { return recompute_; }
  /// Whether the children are items of a list.
  virtual bool is_list() const { return false; }

  /// Called with (module, input, output) after each call; a defined result replaces the output. Empty: none.
  /// For adapters, curvature capture, activation statistics.
  using OutputHook = std::function<Tensor(Module&, const Input&, const Tensor&)>;
  void set_output_hook(OutputHook hook) { hook_ = std::move(hook); }

 protected:
  /// Makes a child of type M. Throws UsageError for an empty, dotted or taken name.
  template <class M, class... Args>
  M& add(const std::string& name, Args&&... args) {
    return adopt(name, std::make_unique<M>(std::forward<Args>(args)...));
  }
  /// Takes over a module that was made elsewhere.
  template <class M>
  M& adopt(const std::string& name, std::unique_ptr<M> child) {
    M& reference = *child;
    attach(name, std::move(child));
    return reference;
  }
  /// A trainable tensor, zeros until initialise().
  ParamSlot parameter(const std::string& name, ParamKind kind, const Shape& shape, Init init);
  /// Registers a slot of another module under a name of this one (tied weights).
  void share(const std::string& name, const ParamSlot& slot);
  /// A tensor that is state but not trained (running statistics). The reference stays valid.
  Tensor& buffer(const std::string& name, const Tensor& value);

  /// Runs f as this module's call on x.
  template <class F>
  Tensor call(const Input& x, F&& f) {
    const ModuleScope scope(name_);
    Tensor y = f();
    return finish_call(x, std::move(y));
  }

 private:
  Tensor finish_call(const Input& x, Tensor y);
  Tensor call_again(const Input& x);
  void attach(const std::string& name, std::unique_ptr<Module> child);
  void check_name(const std::string& name) const;

  std::string name_;
  Module* parent_ = nullptr;
  std::vector<NamedSlot> slots_;
  std::deque<NamedBuffer> buffers_;
  std::vector<NamedChild> children_;
  OutputHook hook_;
  bool recompute_ = false;
  RunState run_;
};

/// While alive, receives every module call of this thread (layer tables, activation statistics). Nests: only
/// the innermost one is called.
class CallTrace {
 public:
  using Sink = std::function<void(Module&, const Input&, const Tensor&)>;
  explicit CallTrace(Sink sink);
  ~CallTrace();
  CallTrace(const CallTrace&) = delete;
  CallTrace& operator=(const CallTrace&) = delete;

 private:
  friend class Module;
  Sink sink_;
  CallTrace* before_;
};

}  // namespace gradus
