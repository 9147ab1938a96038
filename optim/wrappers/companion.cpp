// Two rules for one model: weight matrices to the first, everything else to its companion.
//
//   companion(muon:lr=0.02|adamw:lr=1e-3)       on the command line: --optim muon:lr=0.02 --companion adamw:lr=1e-3
//   first:     parameters of kind weight and rank >= 2 (kernels as rows a channel); with `heads` output layers too, with
//              `embeddings` embedding tables too
//   companion: vectors (biases, gains) and the rest; AdamW with its defaults where none is named
// Both see one batch and one schedule. The companion may ask for the gradient and the loss alone: the first has moved
// its weights by then.
#include "core/error.h"
#include "optim/heads.h"
#include "optim/rules/families.h"
#include "optim/table.h"

namespace gradus::rules {
namespace {

struct CompanionSplit {
  bool heads = false, embeddings = false;
  void visit(auto&& f) {
    f("heads", heads, "output layers go to the first rule too");
    f("embeddings", embeddings, "embedding tables go to the first rule too");
  }
  bool takes(const Parameter& p) const {
    if (p.value.rank() < 2 || p.value.numel() == 0) return false;
    return p.kind == ParamKind::kWeight || (heads && p.kind == ParamKind::kHead) ||
           (embeddings && p.kind == ParamKind::kEmbedding);
  }
};

// "a|b" outside of parentheses; b empty where there is no bar.
std::pair<std::string, std::string> two_specs(const std::string& text) {
  int depth = 0;
  size_t bar = std::string::npos;
  for (size_t i = 0; i < text.size(); ++i) {
    depth += (text[i] == '(') - (text[i] == ')');
    if (text[i] != '|' || depth) continue;
    if (bar != std::string::npos) fail<UsageError>("optimizer companion: more than two rules in '{}'", text);
    bar = i;
  }
  if (bar == std::string::npos) return {text, ""};
  return {text.substr(0, bar), text.substr(bar + 1)};
}

// Every option that an optimizer of this spec or one inside it knows.
void collect_options(const std::string& text, std::vector<std::string>& names) {
  const auto [first, second] = two_specs(text);
  for (const std::string& part : {first, second}) {
    if (part.empty()) continue;
    const Spec spec = parse_spec(part);
    for (const OptionInfo& option : find_optimizer(spec.name).options) names.push_back(option.name);
    if (!spec.inner.empty()) collect_options(spec.inner, names);
  }
}

class Companion final : public Optimizer {
 public:
  Companion(const Spec& spec, const Parameters& parameters, const std::vector<GroupSpec>& groups)
      : name_(spec.name), parameters_(parameters) {
    set_options(split_, spec.options, "optimizer " + name_);
    auto [first, second] = two_specs(spec.inner);
    if (second.empty()) second = "adamw";
    Parameters matrices, rest;
    for (const auto& p : parameters) {
      check_new(*p, matrices), check_new(*p, rest);
      (split_.takes(*p) ? matrices : rest).push_back(p);
    }
    if (matrices.empty())
      fail<UsageError>("optimizer {}: the model has no weight matrix for '{}'; train it with '{}' alone",
                       name_, first, second);
    std::vector<std::string> known_first, known_second;
    collect_options(first, known_first), collect_options(second, known_second);
    for (const GroupSpec& group : groups)
      for (const auto& option : group.options)
        if (!has(known_first, option.first) && !has(known_second, option.first)) {
          std::vector<std::string> all = known_first;
          all.insert(all.end(), known_second.begin(), known_second.end());
          throw UsageError("group of optimizer " + name_ + ": " + unknown_name("option", option.first, all));
        }
    first_ = make_optimizer(first, matrices, known(groups, known_first));
    second_ = make_optimizer(second, rest, known(groups, known_second));
    if (second_->needs().beyond({.loss = true}))
      fail<UsageError>(
          "optimizer {}: {} asks for more than the gradient of a batch; a companion gets no more", name_,
          second_->name());
  }

  void apply(Objective& objective, const StepInfo& info) override {
    first_->apply(objective, info);
    second_->apply(objective, info);
  }
  std::string spec() const override {
    return Spec{name_, first_->spec() + "|" + second_->spec(), option_list(split_)}.str();
  }
  const std::string& name() const override { return name_; }
  const Parameters& parameters() const override { return parameters_; }
  void add_parameter(ParameterPtr parameter) override {
    check_new(*parameter, parameters_);
    of(*parameter).add_parameter(parameter);
    parameters_.push_back(std::move(parameter));
  }
  Needs needs() const override { return first_->needs() | second_->needs(); }
  const Tensor* slot(const Parameter& p, std::string_view key) const override { return of(p).slot(p, key); }
  std::optional<double> scalar(std::string_view key) const override {
    const auto found = first_->scalar(key);
    return found ? found : second_->scalar(key);
  }
  std::optional<double> option(const Parameter& p, std::string_view key) const override {
    return of(p).option(p, key);
  }
  double kept_by_decay(const Parameter& p, double lr_scale) const override {
    return of(p).kept_by_decay(p, lr_scale);
  }
  std::size_t state_bytes() const override { return first_->state_bytes() + second_->state_bytes(); }
  void use_evaluation_weights(bool on) override {
    first_->use_evaluation_weights(on);
    second_->use_evaluation_weights(on);
  }
  bool pending() const override { return first_->pending() || second_->pending(); }
  bool leaves_path() const override { return first_->leaves_path() || second_->leaves_path(); }
  SavedState save_state() const override {
    SavedState out;
    save_below("first/", first_->save_state(), out);
    save_below("companion/", second_->save_state(), out);
    return out;
  }
  void load_state(const SavedState& saved) override {
    const auto foreign = [](const std::string& key) {
      return !key.starts_with("first/") && !key.starts_with("companion/");
    };
    for (const auto& [key, value] : saved.scalars)
      if (foreign(key))
        fail<DataError>("optimizer {}: saved state of '{}', which is neither rule's", name_, key);
    for (const auto& [key, value] : saved.tensors)
      if (foreign(key))
        fail<DataError>("optimizer {}: saved state of '{}', which is neither rule's", name_, key);
    const SavedState before = first_->save_state();
    first_->load_state(saved_below(saved, "first/"));
    try {
      second_->load_state(saved_below(saved, "companion/"));
    } catch (...) {
      first_->load_state(before);
      throw;
    }
  }

 private:
  static bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  // The groups with the options of these names only.
  static std::vector<GroupSpec> known(std::vector<GroupSpec> groups, const std::vector<std::string>& names) {
    for (GroupSpec& group : groups)
      std::erase_if(group.options, [&](const auto& option) { return !has(names, option.first); });
    return groups;
  }
  void check_new(const Parameter& p, const Parameters& among) const {
    for (const auto& other : among)
      if (other->name == p.name)
        fail<UsageError>("optimizer {}: two parameters are named '{}'", name_, p.name);
  }
  Optimizer& of(const Parameter& p) const { return split_.takes(p) ? *first_ : *second_; }

  std::string name_;
  CompanionSplit split_;
  Parameters parameters_;
  OptimizerPtr first_, second_;
};

}  // namespace

OptimizerEntry companion() {
  OptimizerEntry entry{with_head({"companion", "one rule for weight matrices, another for everything else",
                                  "common practice with matrix rules (Jordan et al., \"Muon\", 2024)"}),
                       true, describe_options<CompanionSplit>(), nullptr};
  entry.make = [](const Spec& spec, const Parameters& parameters,
                  const std::vector<GroupSpec>& groups) -> OptimizerPtr {
    if (spec.inner.empty())
      fail<UsageError>("optimizer companion needs its rules: companion(muon:lr=0.02|adamw:lr=1e-3)");
    return std::make_unique<Companion>(spec, parameters, groups);
  };
  return entry;
}

}  // namespace gradus::rules
