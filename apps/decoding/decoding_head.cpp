#include "apps/decoding/decoding_head.h"

#include <charconv>
#include <cmath>

#include "autograd/ops/reduce.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/models/gpt.h"
#include "nn/state_dict.h"

namespace gradus {
namespace {

const std::string& metadata_of(const TensorFile& file, const std::string& key, const std::string& path) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end())
    fail<DataError>("{}: is no decoding head: its metadata lacks '{}'", path, key);
  return found->second;
}

}  // namespace

int64 TemperatureHead::width() const { return head->find_slot("fc1.weight").shape()[1]; }

std::vector<int64> TemperatureHead::choices(const Tensor& hidden) const {
  if (hidden.rank() != 2 || hidden.dim(1) != width())
    fail<DataError>("decoding head: reads hidden states of {} numbers, the model's are {}", width(),
                    hidden.shape().str());
  const Recording off(false);
  const IntTensor best = argmax((*head)(hidden), 1);
  return {best.span().begin(), best.span().end()};
}

void write_decoding_head(const std::string& path, const TemperatureHead& head) {
  TensorFile file;
  for (const auto& [name, tensor] : state_dict(*head.head)) file.tensors.emplace_back(name, tensor);
  file.tensors.emplace_back("temperatures", head.temperatures);
  file.metadata = {{"format", "pt"},
                   {"level", head.level},
                   {"rounds", std::to_string(head.rounds)},
                   {"settings", head.settings}};
  write_safetensors(path, file);
}

TemperatureHead read_decoding_head(const std::string& path) {
  const TensorFile file = read_safetensors(path);
  TemperatureHead head;
  head.level = metadata_of(file, "level", path);
  head.settings = metadata_of(file, "settings", path);
  const std::string& rounds = metadata_of(file, "rounds", path);
  if (std::from_chars(rounds.data(), rounds.data() + rounds.size(), head.rounds).ec != std::errc() ||
      head.rounds < 0)
    fail<DataError>("{}: rounds = '{}' is no number of rounds", path, rounds);
  if (head.level != "sequence" && head.level != "token")
    fail<DataError>("{}: level = '{}'; valid: sequence, token", path, head.level);
  head.temperatures = file.get("temperatures", path);
  const Tensor &fc1 = file.get("fc1.weight", path), &out = file.get("out.weight", path);
  if (fc1.rank() != 2 || out.rank() != 2 || head.temperatures.rank() != 1)
    fail<DataError>("{}: fc1.weight {}, out.weight {} and temperatures {}: needs two matrices and a list",
                    path, fc1.shape().str(), out.shape().str(), head.temperatures.shape().str());
  if (out.dim(0) != head.temperatures.numel())
    fail<DataError>("{}: {} temperatures for a head that chooses among {}", path, head.temperatures.numel(),
                    out.dim(0));
  for (const real t : head.temperatures.span())
    if (!(t >= 0) || !std::isfinite(t)) fail<DataError>("{}: holds the temperature {}: needs >= 0", path, t);
  for (const auto& [name, tensor] : file.tensors)
    for (const real v : tensor.span())
      if (!std::isfinite(v)) fail<DataError>("{}: {} holds a number that is not finite", path, name);
  head.head = std::make_unique<DecodingHead>(fc1.dim(1), fc1.dim(0), out.dim(0));
  StateDict state;
  for (const auto& [name, tensor] : file.tensors)
    if (name != "temperatures") state.emplace_back(name, tensor);
  load_state_dict(*head.head, state, path);
  return head;
}

LastHidden::LastHidden(TokenModel& model) {
  const Module* last = nullptr;
  model.visit([&](Module& m, const std::string&) {
    const auto* layer = dynamic_cast<const WeightLayer*>(&m);
    if (dynamic_cast<const LanguageHead*>(&m) ||
        (layer && layer->weight.parameter()->kind == ParamKind::kHead))
      last = &m;
  });
  if (!last) fail<UsageError>("{}: has no last layer that a decoding head could read before", model.spec());
  trace_ = std::make_unique<CallTrace>([this, last](Module& m, const Input& x, const Tensor&) {
    if (&m == last) seen_ = x.values().detach();
  });
}

Tensor LastHidden::states() const {
  if (!seen_.defined()) fail<UsageError>("decoding head: asked before the model has read anything");
  if (seen_.rank() == 2) return seen_;
  const int64 t = seen_.dim(1);  // (B,T,D)
  return reshape(slice(seen_, 1, t - 1, t), {seen_.dim(0), seen_.dim(2)}).detach();
}

double TemperatureChooser::next(int64 i) {
  const auto at = static_cast<size_t>(i);
  if (at >= chosen_.size()) chosen_.resize(at + 1);
  std::vector<double>& chosen = chosen_[at];
  const bool again = head_.level == "sequence" && !chosen.empty();
  chosen.push_back(again ? chosen[0] : head_.temperature(head_.choices(hidden_.states().rows(i, i + 1))[0]));
  return chosen.back();
}

}  // namespace gradus
