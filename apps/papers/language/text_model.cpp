#include "apps/papers/language/text_model.h"

#include <cmath>
#include <numbers>

#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "nn/alignment/token_scores.h"
#include "nn/generate.h"
#include "nn/modes.h"
#include "nn/registry.h"
#include "nn/state_dict.h"
#include "nn/steering/taps.h"
#include "optim/registry.h"

namespace gradus {

int64 Alphabet::id(char c) const {
  const size_t at = characters_.find(c);
  if (at == std::string::npos) fail<DataError>("character '{}' is not in the alphabet '{}'", c, characters_);
  return static_cast<int64>(at);
}
std::vector<int64> Alphabet::encode(const std::string& text) const {
  std::vector<int64> ids;
  for (const char c : text) ids.push_back(id(c));
  return ids;
}
std::string Alphabet::decode(std::span<const int64> ids) const {
  std::string text;
  for (const int64 i : ids) text += characters_.at(static_cast<size_t>(i));
  return text;
}

TokenBatch token_batch(const Alphabet& alphabet, std::span<const TextPair> lines) {
  size_t longest = 1;
  for (const TextPair& line : lines) longest = std::max(longest, line.prompt.size() + line.response.size());
  const auto n = static_cast<int64>(lines.size()), width = static_cast<int64>(longest) - 1;
  TokenBatch batch{IntTensor::full({n, width}, 0), IntTensor::full({n, width}, 0),
                   IntTensor::full({n, width}, 0)};
  for (int64 i = 0; i < n; ++i) {
    const TextPair& line = lines[static_cast<size_t>(i)];
    const std::vector<int64> ids = alphabet.encode(line.prompt + line.response);
    for (size_t t = 0; t < ids.size(); ++t) {
      const int64 at = i * width + static_cast<int64>(t);
      if (t + 1 < ids.size()) batch.ids.mutable_data()[at] = ids[t];
      if (t == 0) continue;
      batch.targets.mutable_data()[at - 1] = ids[t];
      batch.mask.mutable_data()[at - 1] = t >= line.prompt.size();
    }
  }
  return batch;
}

std::vector<TextPair> drawn(const std::vector<TextPair>& pool, int64 count, Rng& rng) {
  std::vector<TextPair> lines;
  for (int64 i = 0; i < count; ++i)
    lines.push_back(pool[static_cast<size_t>(rng.below(static_cast<int64>(pool.size())))]);
  return lines;
}

TextModel::TextModel(const std::string& spec, const Alphabet& alphabet, const Rng& rng)
    : alphabet_(alphabet) {
  std::unique_ptr<Model> model = make_model(spec, {.vocabulary = alphabet.size()}, rng);
  auto* tokens = dynamic_cast<TokenModel*>(model.get());
  if (!tokens) fail<UsageError>("{} is no language model", spec);
  net_.reset(tokens);
  static_cast<void>(model.release());
}

Tensor TextModel::logp(const TokenBatch& batch) { return token_logp(logits(batch.ids), batch.targets); }
Tensor TextModel::frozen_logp(const TokenBatch& batch) {
  const Recording off(false);
  return logp(batch).detach();
}

void TextModel::save(const std::string& path) { write_safetensors(path, {state_dict(*net_), {}, {}}); }
void TextModel::load(const std::string& path) {
  load_state_dict(*net_, read_safetensors(path).tensors, path);
}
void TextModel::copy_from(TextModel& other) { load_state_dict(*net_, state_dict(*other.net_)); }

Tensor TextModel::hidden(const IntTensor& ids, Tensor* logits) {
  Tensor seen;
  const ActivationTaps taps(*net_, {"transformer.ln_f"}, [&](size_t, const Tensor& output) {
    seen = output;
    return Tensor();
  });
  const Tensor out = (*net_)(ids);
  if (logits) *logits = out;
  return seen;
}

IntTensor TextModel::encoded(std::span<const std::string> texts) const {
  const auto n = static_cast<int64>(texts.size()), width = n ? static_cast<int64>(texts[0].size()) : 0;
  IntTensor ids({n, width});
  for (int64 i = 0; i < n; ++i) {
    const std::vector<int64> row = alphabet_.encode(texts[static_cast<size_t>(i)]);
    if (std::ssize(row) != width)
      fail<DataError>("texts of {} and {} characters in one batch", width, row.size());
    std::copy(row.begin(), row.end(), ids.mutable_data() + i * width);
  }
  return ids;
}

std::vector<std::string> TextModel::sample(const std::vector<std::string>& prompts, int64 length,
                                           double temperature, Rng& rng) {
  return sample(prompts, length, std::vector<double>(prompts.size(), temperature), rng);
}

std::vector<std::string> TextModel::sample(const std::vector<std::string>& prompts, int64 length,
                                           const std::vector<double>& temperatures, Rng& rng) {
  constexpr size_t kTogether = 256;
  const Recording off(false);
  const ModeScope evaluation(*net_, false);
  std::vector<std::string> out(prompts.size());
  for (size_t from = 0; from < prompts.size(); from += kTogether) {
    const size_t to = std::min(prompts.size(), from + kTogether);
    const auto n = static_cast<int64>(to - from);
    IntTensor ids = encoded(std::span(prompts).subspan(from, to - from));
    const std::unique_ptr<Decoder> decoder = net_->decoder(n);
    for (int64 t = 0; t < length; ++t) {
      const Tensor next = decoder->feed(ids);  // (n,V)
      ids = IntTensor({n, 1});
      for (int64 i = 0; i < n; ++i) {
        const size_t at = from + static_cast<size_t>(i);
        const int64 id = sample_token(next.rows(i, i + 1).span(), {.temperature = temperatures[at]}, rng);
        ids.mutable_data()[i] = id;
        out[at] += alphabet_.decode({&id, 1});
      }
    }
  }
  return out;
}

std::string until(const std::string& text, char stop) { return text.substr(0, text.find(stop)); }

TextTraining::TextTraining(const Parameters& parameters, const std::string& optim, double clip)
    : parameters_(parameters),
      optimizer_(make_optimizer(fmt::format("clip-norm({}):max_norm={}", optim, clip), parameters_)) {}

double TextTraining::step(const std::function<Tensor()>& loss, double lr_scale) {
  const Recording on(true);
  const Tensor value = loss();
  const double at = value.item();
  if (!std::isfinite(at)) fail<NumericError>("the loss is {}", at);
  std::vector<Tensor> values;
  for (const ParameterPtr& p : parameters_) values.push_back(p->value);
  std::vector<Tensor> grads = grad(value, values, {.allow_unused = true});
  for (size_t i = 0; i < grads.size(); ++i) parameters_[i]->grad = grads[i];
  optimizer_->step(lr_scale, at);
  return at;
}

void pretrain(TextModel& model, int64 steps, double lr, const std::function<TokenBatch(int64)>& next) {
  TextTraining training(model.net().parameters(), fmt::format("adamw:lr={}", lr));
  for (int64 k = 0; k < steps; ++k) {
    const TokenBatch batch = next(k);
    const double scale =
        0.5 * (1 + std::cos(std::numbers::pi * static_cast<double>(k) / static_cast<double>(steps)));
    training.step(
        [&] {
          const Tensor counts = token_mask(batch.mask, batch.mask.shape(), "pretrain");
          return -(sum(masked(model.logp(batch), counts)) / std::max(sum(counts).item(), real(1)));
        },
        scale);
  }
}

double mean_loss(TextModel& model, const TokenBatch& batch) {
  const Recording off(false);
  const Tensor counts = token_mask(batch.mask, batch.mask.shape(), "mean_loss");
  return -sum(masked(model.logp(batch), counts)).item() / std::max<double>(sum(counts).item(), 1);
}

}  // namespace gradus
