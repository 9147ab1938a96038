#include "nn/module.h"

#include <algorithm>
#include <unordered_set>

namespace gradus {
namespace {

thread_local CallTrace* innermost_trace = nullptr;

}  // namespace

CallTrace::CallTrace(Sink sink) : sink_(std::move(sink)), before_(innermost_trace) { innermost_trace = this; }
CallTrace::~CallTrace() { innermost_trace = before_; }

Tensor Module::finish_call(const Input& x, Tensor y) {
  if (hook_)
    if (Tensor replaced = hook_(*this, x, y); replaced.defined()) y = std::move(replaced);
  if (innermost_trace) innermost_trace->sink_(*this, x, y);
  return y;
}

std::string Module::path() const {
  if (!parent_) return name_;
  const std::string above = parent_->path();
  return above.empty() ? name_ : above + "." + name_;
}

RunState& Module::run() {
  Module* root = this;
  while (root->parent_) root = root->parent_;
  return root->run_;
}

Parameters Module::parameters() const {
  Parameters all;
  std::unordered_set<const Parameter*> seen;
  const auto walk = [&](const Module& m, const auto& self) -> void {
    for (const NamedSlot& s : m.slots_)
      if (seen.insert(s.slot.parameter().get()).second) all.push_back(s.slot.parameter());
    for (const NamedChild& c : m.children_) self(*c.module, self);
  };
  walk(*this, walk);
  return all;
}

Parameters Module::trainable() const {
  Parameters all = parameters();
  std::erase_if(all, [](const ParameterPtr& p) { return p->frozen; });
  return all;
}

void Module::initialise(const Rng& rng) {
  std::unordered_set<const Parameter*> seen;
  visit([&](Module& m, const std::string&) {
    for (const NamedSlot& s : m.slots_) {
      const Parameter& p = *s.slot.parameter();
      if (!seen.insert(&p).second) continue;
      Tensor value = p.value.detach();
      Rng own = rng.fork(p.name);
      s.slot.init()(value, own);
    }
  });
}

void Module::check_name(const std::string& name) const {
  if (name.empty() || name.find('.') != std::string::npos)
    fail<UsageError>("module: '{}' is no name (empty or with a dot)", name);
  const auto taken = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  };
  if (taken(slots_) || taken(buffers_) || taken(children_))
    fail<UsageError>("module: the name '{}' is taken", name);
}

void Module::attach(const std::string& name, std::unique_ptr<Module> child) {
  check_name(name);
  const std::string above = path(), prefix = (above.empty() ? name : above + "." + name) + ".";
  for (const ParameterPtr& p : child->parameters()) p->name = prefix + p->name;
  child->name_ = name;
  child->parent_ = this;
  children_.push_back({name, std::move(child)});
}

ParamSlot Module::parameter(const std::string& name, ParamKind kind, const Shape& shape, Init init) {
  check_name(name);
  const std::string above = path();
  ParamSlot slot(make_parameter(above.empty() ? name : above + "." + name, kind, Tensor::zeros(shape)),
                 std::move(init));
  slots_.push_back({name, slot});
  return slot;
}

void Module::share(const std::string& name, const ParamSlot& slot) {
  check_name(name);
  slots_.push_back({name, slot});
}

Tensor& Module::buffer(const std::string& name, const Tensor& value) {
  check_name(name);
  return buffers_.emplace_back(NamedBuffer{name, value}).value;
}

Module& Module::find(const std::string& path) {
  Module* found = nullptr;
  std::vector<std::string> all;
  visit([&](Module& m, const std::string& p) {
    if (p == path) found = &m;
    all.push_back(p);
  });
  if (!found) throw UsageError(unknown_name("module", path, all));
  return *found;
}

ParamSlot Module::find_slot(const std::string& path) {
  ParamSlot found;
  std::vector<std::string> all;
  visit([&](Module& m, const std::string& p) {
    for (const NamedSlot& s : m.slots_) {
      all.push_back(p.empty() ? s.name : p + "." + s.name);
      if (all.back() == path) found = s.slot;
    }
  });
  if (!found) throw UsageError(unknown_name("parameter", path, all));
  return found;
}

}  // namespace gradus
