#include "nn/diffusion/sampling.h"

#include <algorithm>
#include <numeric>

#include "autograd/graph.h"
#include "core/error.h"
#include "nn/diffusion/prediction.h"

namespace gradus {
namespace {

void copy_row(const Tensor& from, int64 row, Tensor& to, int64 at) {
  const int64 n = row_size(from);
  std::copy_n(from.data() + row * n, n, to.mutable_data() + at * n);
}

Shape with_rows(const Shape& shape, int64 rows) {
  std::vector<int64> dims(shape.begin(), shape.end());
  dims[0] = rows;
  return Shape(dims);
}

// The last noise predictions of all rows, with or without their class.
struct Cache {
  Tensor epsilon;
  std::vector<char> there;
  Cache(const Shape& shape) : epsilon(Tensor::zeros(shape)), there(static_cast<size_t>(shape[0])) {}
};

Tensor clipped(const Tensor& x0, double clip) {
  if (clip <= 0) return x0;
  Tensor y = x0.clone();
  const auto most = static_cast<real>(clip);
  real* v = y.mutable_data();
  for (int64 i = 0; i < y.numel(); ++i) v[i] = std::clamp(v[i], -most, most);
  return y;
}

}  // namespace

double Sampled::mean_evaluations() const {
  const auto total = std::accumulate(evaluations.begin(), evaluations.end(), int64{0});
  return evaluations.empty() ? 0 : static_cast<double>(total) / static_cast<double>(evaluations.size());
}

Sampled sample(const SamplingRequest& r, const Tensor& start, const IntTensor& classes, Rng rng) {
  if (start.rank() < 2 || !(classes.shape() == Shape{start.dim(0)}))
    fail<ShapeError>("sample: noise {}, classes {}", start.shape().str(), classes.shape().str());
  const Recording off(false);
  const int64 rows = start.dim(0), steps = std::ssize(r.levels);
  Sampled out{start.detach(), IntTensor::full({steps, rows}, 0), IntTensor::full({steps, rows}, 0),
              std::vector<int64>(static_cast<size_t>(rows))};
  Cache cond(start.shape()), uncond(start.shape());
  r.guidance.begin(rows, steps);
  r.skip.begin(rows);
  for (int64 i = 0; i < steps; ++i) {
    const NoiseLevel level = r.levels[static_cast<size_t>(i)];
    const NoiseLevel next = i + 1 < steps ? r.levels[static_cast<size_t>(i + 1)] : NoiseLevel{};
    std::vector<std::pair<int64, bool>> asked;  // row, with its class
    for (int64 b = 0; b < rows; ++b) {
      const auto at = static_cast<size_t>(b);
      const bool computes = r.skip.computes(i, b), both = r.guidance.asks_uncond(i, b);
      out.guided.mutable_data()[i * rows + b] = both;
      out.computed.mutable_data()[i * rows + b] = computes;
      if (computes || !cond.there[at]) asked.emplace_back(b, true);
      if (both && (computes || !uncond.there[at])) asked.emplace_back(b, false);
    }
    std::stable_partition(asked.begin(), asked.end(), [](const auto& a) { return a.second; });
    // Estimates: of rows that are not asked again from their last noise, at the present level.
    Tensor x0_cond = denoised_of(out.x, cond.epsilon, level),
           x0_uncond = denoised_of(out.x, uncond.epsilon, level);
    if (!asked.empty()) {
      Tensor x(with_rows(start.shape(), std::ssize(asked)));
      IntTensor which(Shape{std::ssize(asked)});
      for (int64 k = 0; k < x.dim(0); ++k) {
        const auto [row, with_class] = asked[static_cast<size_t>(k)];
        copy_row(out.x, row, x, k);
        which.mutable_data()[k] = with_class ? classes[row] : -1;
        ++out.evaluations[static_cast<size_t>(row)];
      }
      const Tensor x0 = r.denoiser.denoise(x, level, which), epsilon = noise_of(x, x0, level);
      for (int64 k = 0; k < x.dim(0); ++k) {
        const auto [row, with_class] = asked[static_cast<size_t>(k)];
        Cache& cache = with_class ? cond : uncond;
        cache.there[static_cast<size_t>(row)] = true;
        copy_row(epsilon, k, cache.epsilon, row);
        copy_row(x0, k, with_class ? x0_cond : x0_uncond, row);
      }
    }
    const Tensor x0 = clipped(r.guidance.combine({i, out.x, level, x0_cond, x0_uncond}), r.sampler.clip());
    Rng fresh =
        rng.fork(static_cast<std::uint64_t>(i));  // a row's noise does not depend on how many there are
    const Tensor noise = r.sampler.draws() ? fresh.normal_tensor(start.shape()) : Tensor();
    out.x = r.sampler.step(out.x, x0, level, next, noise);
    r.skip.see(i, out.x);
    if (r.watch) r.watch(i, out.x, x0);
  }
  return out;
}

namespace {

// Classifier-free guidance that keeps what it reads.
class Recorder : public Guidance {
 public:
  explicit Recorder(double scale) : scale_(scale) {}
  void begin(int64, int64) override {}
  bool asks_uncond(int64, int64) const override { return true; }
  Tensor combine(const GuidanceStep& s) override {
    history.eps_cond.push_back(noise_of(s.x, s.cond, s.level));
    history.eps_uncond.push_back(noise_of(s.x, s.uncond, s.level));
    return classifier_free(s.cond, s.uncond, scale_);
  }
  PredictionHistory history;

 private:
  double scale_;
};

}  // namespace

void rehearse(const SamplingRequest& r, const Tensor& x, const IntTensor& classes) {
  Recorder recorder(r.guidance.rehearsal_scale());
  const SkipPolicyPtr all = make_skip_policy("none");
  const SamplerPtr ddim = make_sampler("ddim");
  sample({r.denoiser, *ddim, recorder, *all, r.levels}, x, classes, Rng(0));
  r.guidance.rehearse(recorder.history);
}

}  // namespace gradus
