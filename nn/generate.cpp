#include "nn/generate.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>

#include "core/threads.h"

namespace gradus {
namespace {

// A draw among all in the order of falling weights (equal ones by number), which is needed only as far as the draw goes. So it
// is sorted in parts: the weights down to half of the largest, which is 1, those down to a quarter, ...
template <class Weight>
int64 draw_of_all(const Weight& weight_of, int64 size, Rng& rng) {
  std::vector<double> weight(static_cast<size_t>(size));
  for (int64 i = 0; i < size; ++i) weight[static_cast<size_t>(i)] = weight_of(i);
  double left = rng.uniform() * std::accumulate(weight.begin(), weight.end(), 0.0);
  constexpr double kRest = 1e-6;  // below, all at once
  std::vector<int64> part;
  int64 drawn = 0;
  for (double above = 2, from = 0.5; above > 0; above = from, from = from > kRest ? from / 2 : 0) {
    part.clear();
    double sum = 0;
    for (int64 i = 0; i < size; ++i) {
      const double w = weight[static_cast<size_t>(i)];
      if (w >= above || w < from || w == 0) continue;
      part.push_back(i);
      sum += w;
    }
    if (left >= sum && from > 0) {
      left -= sum;
      if (!part.empty()) drawn = part.back();
      continue;
    }
    std::sort(part.begin(), part.end(), [&](int64 a, int64 b) {
      const double of_a = weight[static_cast<size_t>(a)], of_b = weight[static_cast<size_t>(b)];
      return of_a > of_b || (of_a == of_b && a < b);
    });
    for (int64 i : part) {  // rounding may leave something behind the last one, which is then drawn
      drawn = i;
      left -= weight[static_cast<size_t>(i)];
      if (left < 0) return drawn;
    }
  }
  return drawn;
}

// One draw a text from its row of logits (texts,V), on all threads.
void draw_tokens(const Tensor& logits, const SampleOptions& options, std::span<const double> temperatures,
                 std::span<Rng> rngs, int64* drawn) {
  constexpr int64 kWork = 32;  // elementary operations a token of the vocabulary
  const auto size = static_cast<size_t>(logits.dim(1));
  std::vector<std::exception_ptr> failed(rngs.size());
  parallel_for(logits.dim(0), kParallelGrain / (kWork * logits.dim(1)) + 1, [&](int64 begin, int64 end) {
    SampleOptions how = options;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      how.temperature = temperatures[i];
      try {
        drawn[i] = sample_token(logits.span().subspan(i * size, size), how, rngs[i]);
      } catch (...) {  // must not leave the loop
        failed[i] = std::current_exception();
      }
    }
  });
  for (const std::exception_ptr& f : failed)
    if (f) std::rethrow_exception(f);
}

}  // namespace

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
  const auto size = static_cast<int64>(logits.size());
  const auto logit = [&](int64 i) { return static_cast<double>(logits[static_cast<size_t>(i)]); };
  // The likeliest first, of equals the first.
  const auto likelier = [&](int64 a, int64 b) {
    return logit(a) > logit(b) || (logit(a) == logit(b) && a < b);
  };
  const int64 first = std::max_element(logits.begin(), logits.end()) - logits.begin();
  if (o.temperature == 0) return first;
  const auto weight_of = [&](int64 i) { return std::exp((logit(i) - logit(first)) / o.temperature); };

  if (o.top_k == 0 && o.top_p == 1 && o.min_p == 0) return draw_of_all(weight_of, size, rng);

  std::vector<int64> order(logits.size());
  std::iota(order.begin(), order.end(), int64{0});
  std::sort(order.begin(), order.end(), likelier);
  if (o.top_k && o.top_k < size) order.resize(static_cast<size_t>(o.top_k));
  std::vector<double> weight(order.size());
  for (size_t i = 0; i < order.size(); ++i) weight[i] = weight_of(order[i]);
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
  generate_texts(model, prompt, count, options, {&rng, 1}, [&](int64, int64 id) { return emit(id); });
}

void generate_texts(TokenModel& model, std::span<const int64> prompt, int64 count,
                    const SampleOptions& options, std::span<Rng> rngs,
                    const std::function<bool(int64, int64)>& emit) {
  if (prompt.empty()) fail<UsageError>("generate: the prompt needs at least one token");
  for (int64 id : prompt)
    if (id < 0 || id >= model.vocabulary())
      fail<DataError>("generate: token {} is not in 0..{}", id, model.vocabulary() - 1);
  const auto texts = static_cast<int64>(rngs.size()), read = static_cast<int64>(prompt.size());
  const std::unique_ptr<Decoder> decoder = model.decoder(texts, options.decode);
  std::vector<double> temperatures(rngs.size(), options.temperature);
  IntTensor ids({texts, read});
  for (int64 i = 0; i < texts; ++i) std::copy(prompt.begin(), prompt.end(), ids.mutable_data() + i * read);
  for (int64 step = 0; step < count; ++step) {
    const Tensor logits = decoder->feed(ids);  // (texts, V)
    if (step == 0) ids = IntTensor({texts, 1});
    for (int64 i = 0; options.temperature_at && i < texts; ++i)
      temperatures[static_cast<size_t>(i)] = options.temperature_at(i);
    draw_tokens(logits, options, temperatures, rngs, ids.mutable_data());
    for (int64 i = 0; i < texts; ++i)
      if (!emit(i, ids[i])) return;
  }
}

}  // namespace gradus
