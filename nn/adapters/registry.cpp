#include "nn/adapters/registry.h"

#include <algorithm>

#include "core/error.h"
#include "core/glob.h"
#include "nn/adapters/allora.h"
#include "nn/adapters/ard_lora.h"
#include "nn/adapters/c3a.h"
#include "nn/adapters/elalora.h"
#include "nn/adapters/lora.h"
#include "nn/adapters/lora_conv.h"
#include "nn/layers/conv.h"

namespace gradus {
namespace {

// Conv: the kind beside a convolution; void where there is none.
template <class A, class O, class Conv = void>
AdapterEntry adapter_entry(const char* name, const char* summary, const char* paper, const char* source,
                           bool ranked = true) {
  O own;
  AdapterTargets targets;
  AdapterEntry e{name,    summary, paper,   source, describe_options(fields_of(own)),
                 nullptr, nullptr, nullptr, ranked};
  for (const OptionInfo& info : describe_options(fields_of(targets)))
    if (ranked || info.name != "ranks") e.options.push_back(info);
  static const std::string title = fmt::format("adapter {}", name);
  e.make = [](const OptionList& options, int64 in, int64 out) -> std::unique_ptr<LinearAdapter> {
    O o;
    set_options(o, options, title);
    return std::make_unique<A>(in, out, o);
  };
  if constexpr (!std::is_void_v<Conv>)
    e.make_conv = [](const OptionList& options, const Shape& kernels) -> std::unique_ptr<ConvAdapter> {
      O o;
      set_options(o, options, title);
      return std::make_unique<Conv>(kernels, o);
    };
  e.check = [](const OptionList& options) {
    O o;
    set_options(o, options, title);
  };
  return e;
}

std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find('+', from), text.size());
    if (to > from) parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

struct Rank {
  std::string pattern;
  int64 rank;
};

struct Plan {
  const AdapterEntry* entry;
  OptionList own;  // of the adapter
  std::string targets;
  std::vector<Rank> ranks;
};

Plan plan_of(const std::string& text) {
  const Spec spec = parse_spec(text);
  Plan plan{&find_adapter(spec.name), {}, "", {}};
  AdapterTargets targets;
  OptionList general;
  for (const auto& [key, value] : spec.options)
    (key == "targets" || (key == "ranks" && plan.entry->ranked) ? general : plan.own)
        .emplace_back(key, value);
  const std::string where = "adapter " + spec.name;
  set_options(targets, general, where);
  plan.targets = targets.targets;
  if (parts_of(targets.targets).empty()) fail<UsageError>("{}: targets names no layer", where);
  for (const std::string& part : parts_of(targets.ranks)) {
    const size_t at = part.rfind('=');
    if (at == std::string::npos || at == 0) fail<UsageError>("{}: ranks: '{}' is not GLOB=R", where, part);
    Rank rank{part.substr(0, at), 0};
    parse_option(part.substr(at + 1), &rank.rank, at_least(0), where + ": ranks: " + rank.pattern);
    plan.ranks.push_back(rank);
  }
  plan.entry->check(plan.own);
  return plan;
}

std::vector<std::string> kinds_for_convolutions() {
  std::vector<std::string> names;
  for (const AdapterEntry& e : adapters())
    if (e.make_conv) names.push_back(e.name);
  return names;
}

bool is_head(const WeightLayer& layer) { return layer.weight.parameter()->kind == ParamKind::kHead; }

// Linear layers and, where the kind takes them, convolutions, heads aside, that the targets name.
std::vector<AdaptedLayer> named_layers(Module& model, const std::string& targets, bool convolutions) {
  std::vector<AdaptedLayer> layers;
  std::vector<std::string> names, left_out;
  model.visit([&](Module& m, const std::string& path) {
    auto* layer = dynamic_cast<WeightLayer*>(&m);
    if (!layer || is_head(*layer) || !layer->plain_weight()) return;
    if (dynamic_cast<Linear*>(layer) || convolutions) {
      names.push_back(path);
      layers.push_back({path, layer});
    } else {
      left_out.push_back(path);
    }
  });
  const std::vector<std::string> patterns = parts_of(targets);
  const auto named = [](const std::string& pattern, const AdaptedLayer& l) {
    return pattern == kAllLinear ? dynamic_cast<Linear*>(l.layer) != nullptr : glob_match(pattern, l.path);
  };
  for (const std::string& pattern : patterns) {
    if (std::any_of(layers.begin(), layers.end(), [&](const auto& l) { return named(pattern, l); })) continue;
    const auto conv = std::find_if(left_out.begin(), left_out.end(),
                                   [&](const auto& path) { return glob_match(pattern, path); });
    if (conv != left_out.end())
      fail<UsageError>("adapter: {} is a convolution, beside which only {} can stand", *conv,
                       fmt::join(kinds_for_convolutions(), " and "));
    fail<UsageError>("adapter: no layer that takes one is called '{}'; there are {}", pattern,
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  std::erase_if(layers, [&](const AdaptedLayer& l) {
    return std::none_of(patterns.begin(), patterns.end(), [&](const auto& p) { return named(p, l); });
  });
  return layers;
}

std::string grouped(int64 n) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace

const std::vector<AdapterEntry>& adapters() {
  static const std::vector<AdapterEntry> table = {
      adapter_entry<LoraAdapter, LoraOptions, LoraConvAdapter>(
          "lora", "a product of two thin matrices beside the weight, also of convolutions",
          "Hu et al., ICLR 2022, arXiv 2106.09685", "nn/adapters/lora.h"),
      adapter_entry<DoraAdapter, DoraOptions>("dora", "LoRA for the direction of each row, its length apart",
                                              "Liu et al., ICML 2024, arXiv 2402.09353",
                                              "nn/adapters/lora.h"),
      adapter_entry<AlloraAdapter, AlloraOptions>(
          "allora", "LoRA without scaling whose gradients are scaled row by row",
          "Huang, Balestriero, 2024, arXiv 2410.09692", "nn/adapters/allora.h"),
      adapter_entry<C3aAdapter, C3aOptions>("c3a", "a block-circulant matrix beside the weight",
                                            "Chen et al., ACL 2025, arXiv 2407.19342", "nn/adapters/c3a.h",
                                            false),
      adapter_entry<ArdLoraAdapter, ArdLoraOptions>(
          "ard-lora", "a product a head behind a gate, whose ranks can be learned",
          "Shinwari, Usama, 2025, arXiv 2506.18267", "nn/adapters/ard_lora.h", false),
      adapter_entry<ElaloraAdapter, ElaloraOptions>(
          "elalora", "a product with a diagonal in the middle, whose ranks can move between layers",
          "Chang et al., 2025, arXiv 2504.00254", "nn/adapters/elalora.h"),
  };
  return table;
}

const AdapterEntry& find_adapter(std::string_view name) {
  std::vector<std::string> names;
  for (const AdapterEntry& entry : adapters()) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name("adapter", std::string(name), names));
}

void check_adapter_spec(const std::string& spec) { plan_of(spec); }

std::vector<AdaptedLayer> linear_layers(Module& model, const std::string& targets) {
  return named_layers(model, targets, false);
}

void freeze_all_but_head(Module& model) {
  for (const ParameterPtr& p : model.parameters()) p->frozen = true;
  model.visit([&](Module& m, const std::string&) {
    auto* layer = dynamic_cast<WeightLayer*>(&m);
    if (!layer || !is_head(*layer)) return;
    layer->weight.parameter()->frozen = false;
    if (layer->bias) layer->bias.parameter()->frozen = false;
  });
  for (const AdaptedLayer& l : adapted_layers(model))
    for (const ParameterPtr& p : l.adapter()->parameters()) p->frozen = false;
}

std::vector<AdaptedLayer> attach_adapters(Module& model, const std::string& spec, const Rng& rng) {
  const Plan plan = plan_of(spec);
  const bool convolutions = plan.entry->make_conv != nullptr;
  std::vector<AdaptedLayer> layers = named_layers(model, plan.targets, convolutions);
  for (const AdaptedLayer& l : layers)
    if (l.adapter()) fail<UsageError>("adapter {}: {} has an adapter already", plan.entry->name, l.path);
  freeze_all_but_head(model);
  std::erase_if(layers, [&](const AdaptedLayer& l) {
    OptionList own = plan.own;
    for (const Rank& rank : plan.ranks)
      if (glob_match(rank.pattern, l.path)) {
        if (rank.rank == 0) return true;
        std::erase_if(own, [](const auto& option) { return option.first == "rank"; });
        own.emplace_back("rank", std::to_string(rank.rank));
        break;
      }
    if (auto* linear = dynamic_cast<Linear*>(l.layer))
      linear->attach_adapter(plan.entry->make(own, linear->in(), linear->out()));
    else
      dynamic_cast<Conv2d&>(*l.layer).attach_adapter(plan.entry->make_conv(own, l.layer->weight.shape()));
    l.adapter()->initialise(rng);
    l.adapter()->starts_from(l.layer->weight);
    return false;
  });
  return layers;
}

std::vector<AdaptedLayer> adapted_layers(Module& model) {
  std::vector<AdaptedLayer> layers;
  model.visit([&](Module& m, const std::string& path) {
    if (auto* layer = dynamic_cast<WeightLayer*>(&m); layer && layer->adapter())
      layers.push_back({path, layer});
  });
  return layers;
}

void merge_adapters(Module& model) {
  const Recording off(false);
  for (const AdaptedLayer& l : adapted_layers(model)) {
    if (!l.adapter()->active) fail<UsageError>("adapter: {} is merged already", l.path);
    l.adapter()->merge(l.layer->weight.parameter()->value.detach());
  }
}

void unmerge_adapters(Module& model) {
  const Recording off(false);
  for (const AdaptedLayer& l : adapted_layers(model)) {
    if (l.adapter()->active) fail<UsageError>("adapter: {} is not merged", l.path);
    l.adapter()->unmerge(l.layer->weight.parameter()->value.detach());
  }
}

ParameterCount count_parameters(const Module& model) {
  ParameterCount count;
  for (const ParameterPtr& p : model.parameters()) {
    count.all += p->value.numel();
    if (!p->frozen) count.trainable += p->value.numel();
  }
  return count;
}

std::string ParameterCount::str() const {
  return fmt::format("trainable {} of {} ({:.2f} %)", grouped(trainable), grouped(all),
                     all ? 100 * static_cast<double>(trainable) / static_cast<double>(all) : 0.0);
}

}  // namespace gradus
