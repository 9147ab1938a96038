#include "nn/generate.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gradus {

int64 sample_token(std::span<const real> logits, const SampleOptions& o, Rng& rng) {
  if (!(o.temperature >= 0) || o.top_k < 0 || !(o.top_p > 0 && o.top_p <= 1) ||
      !(o.min_p >= 0 && o.min_p <= 1))
    fail<UsageError>(
        "sample: temperature = {}, top_k = {}, top_p = {}, min_p = {}: needs >= 0, >= 0, 0 < x <= 1, 0 <= x "
        "<= 1",
        o.temperature, o.top_k, o.top_p, o.min_p);
  // (Minus infinity is a token that is ruled out.)
  if (logits.empty() || std::any_of(logits.begin(), logits.end(), [](real v) {
        return std::isnan(v) || v == std::numeric_limits<real>::infinity();
      }))
    fail<NumericError>("sample: the model's output is NaN or infinite: its weights cannot be used");
  std::vector<int64> order(logits.size());
  std::iota(order.begin(), order.end(), int64{0});
  const auto logit = [&](int64 i) { return static_cast<double>(logits[static_cast<size_t>(i)]); };
  std::stable_sort(order.begin(), order.end(), [&](int64 a, int64 b) { return logit(a) > logit(b); });
  if (o.temperature == 0) return order[0];
  if (o.top_k && o.top_k < static_cast<int64>(order.size())) order.resize(static_cast<size_t>(o.top_k));

  std::vector<double> weight(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    weight[i] = std::exp((logit(order[i]) - logit(order[0])) / o.temperature);
  // Weights fall from 1, that of the likeliest.
  while (weight.size() > 1 && weight.back() < o.min_p) weight.pop_back();
  double total = std::accumulate(weight.begin(), weight.end(), 0.0), kept = 0;
  size_t count = 0;
  while (count < weight.size() && (count == 0 || kept < o.top_p * total)) kept += weight[count++];

  double left = rng.uniform() * kept;
  for (size_t i = 0; i + 1 < count; ++i) {
    if (left < weight[i]) return order[i];
    left -= weight[i];
  }
  return order[count - 1];
}

void generate(TokenModel& model, std::span<const int64> prompt, int64 count, const SampleOptions& options,
              Rng& rng, const std::function<bool(int64)>& emit) {
  if (prompt.empty()) fail<UsageError>("generate: the prompt needs at least one token");
  for (int64 id : prompt)
    if (id < 0 || id >= model.vocabulary())
      fail<DataError>("generate: token {} is not in 0..{}", id, model.vocabulary() - 1);
  SampleOptions how = options;
  const std::unique_ptr<Decoder> decoder = model.decoder(1, options.decode);
  Tensor logits = decoder->feed(IntTensor::from({1, static_cast<int64>(prompt.size())}, prompt));
  for (int64 i = 0; i < count; ++i) {
    if (options.temperature_at) how.temperature = options.temperature_at();
    const int64 id = sample_token(logits.span(), how, rng);
    if (!emit(id) || i + 1 == count) return;
    logits = decoder->feed(IntTensor::full({1, 1}, id));
  }
}

}  // namespace gradus
