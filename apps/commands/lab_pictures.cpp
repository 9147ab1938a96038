#include "apps/commands/lab_pictures.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "apps/book/paths.h"
#include "apps/commands/lab_curves.h"
#include "apps/labs/lab.h"
#include "autograd/grad.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "core/atomic_file.h"
#include "core/rng.h"

namespace gradus {
namespace {

// 1: the network of the lab (two numbers, four units with tanh, one number) on the four examples of exclusive or.
std::string training_picture() {
  const Tensor x = Tensor::from({4, 2}, {-1, -1, -1, 1, 1, -1, 1, 1}),
               y = Tensor::from({4, 1}, {-1, 1, 1, -1});
  LinePlot plot{.title = "Exclusive or, four units, three starts",
                .x = {.label = "step", .whole = true},
                .y = {.label = "mean squared error", .log = true, .low = 1e-6},
                .series = {}};
  for (const int start : {1, 2, 3}) {
    Rng rng(static_cast<std::uint64_t>(start));
    std::vector<Tensor> w = {rng.normal_tensor({2, 4}), Tensor::zeros({4}), rng.normal_tensor({4, 1}),
                             Tensor::zeros({1})};
    Series s{.name = "start " + std::to_string(start), .x = {}, .y = {}};
    for (int step = 0; step <= 200; ++step) {
      for (Tensor& v : w) v = variable(v);
      const Tensor loss = mean(square(matmul(tanh(matmul(x, w[0]) + w[1]), w[2]) + w[3] - y));
      s.x.push_back(step), s.y.push_back(static_cast<double>(loss.item()));
      const std::vector<Tensor> g = grad(loss, w);
      for (size_t i = 0; i < w.size(); ++i) w[i] = w[i].detach() - g[i] * real(0.1);
    }
    plot.series.push_back(s);
  }
  return svg(plot);
}

// 2: the variance of numbers that lie around an offset; two forms of it.
std::string variance_picture() {
  const auto error = [](double offset, bool squares) {
    constexpr int kSets = 20, kNumbers = 1000;
    double sum = 0;
    for (int set = 0; set < kSets; ++set) {
      Rng rng(static_cast<std::uint64_t>(set));
      Numbers x(kNumbers);
      for (double& v : x) v = rng.uniform();
      const auto variance = [&](double shift, bool by_squares) {
        double mean = 0, square = 0, around = 0;
        for (const double v : x)
          mean += (v + shift) / kNumbers, square += (v + shift) * (v + shift) / kNumbers;
        for (const double v : x) around += (v + shift - mean) * (v + shift - mean) / kNumbers;
        return by_squares ? square - mean * mean : around;
      };
      const double truth = variance(0, false);
      sum += std::fabs(variance(offset, squares) - truth) / truth / kSets;
    }
    return sum;
  };
  const Numbers offsets = by_factors(1, 1e8, 17);
  return svg(
      LinePlot{.title = "Variance of numbers from offset to offset + 1",
               .x = {.label = "offset", .log = true},
               .y = {.label = "relative error", .log = true},
               .series = {lab_curve("E[x^2] - E[x]^2", offsets, [&](double o) { return error(o, true); }),
                          lab_curve("E[(x - E[x])^2]", offsets, [&](double o) { return error(o, false); })}});
}

// 3: differences of e^sin(x) at 1 by their step.
std::string differences_picture() {
  const auto f = [](auto x) { return std::exp(std::sin(x)); };
  const double slope = std::cos(1.0) * f(1.0);
  const Numbers h = by_factors(1e-12, 0.3, 60);
  return svg(LinePlot{
      .title = "Error of finite differences",
      .x = {.label = "h", .log = true},
      .y = {.label = "error of the slope of exp(sin x) at 1", .log = true, .low = 1e-12, .high = 10},
      .series = {lab_curve("central, double", h,
                           [&](double d) { return std::fabs((f(1 + d) - f(1 - d)) / (2 * d) - slope); }),
                 lab_curve("one-sided, double", h,
                           [&](double d) { return std::fabs((f(1 + d) - f(1.0)) / d - slope); }),
                 lab_curve("central, float", h, [&](double d) {
                   const float one = 1, e = static_cast<float>(d), up = one + e, down = one - e;
                   return up == down ? std::nan("")
                                     : std::fabs(double((f(up) - f(down)) / (up - down)) - slope);
                 })}});
}

// 4: cross-entropy of two classes by the lead of the label's logit.
std::string smoothing_picture() {
  const Numbers lead = evenly(-4, 8, 97);
  const auto loss = [](double share) {
    return [share](double z) { return std::log1p(std::exp(-z)) + share / 2 * z; };
  };
  const auto slope = [](double share) {
    return [share](double z) { return -1 / (1 + std::exp(z)) + share / 2; };
  };
  return svg(LinePlot{
      .title = "Cross-entropy of two classes",
      .x = {.label = "lead of the label's logit"},
      .y = {.label = "loss, and its slope"},
      .series = {lab_curve("loss", lead, loss(0)), lab_curve("smoothed by 0.2", lead, loss(0.2)),
                 lab_curve("slope", lead, slope(0)), lab_curve("smoothed by 0.2: slope", lead, slope(0.2))}});
}

// 5: a processor of 50 GFLOP/s with 10 GB/s, and products with blocks of b, 2 n^3 operations on 2 n^3/b doubles.
std::string roofline_picture() {
  const auto reach = [](double intensity) { return std::min(50.0, 10 * intensity); };
  Series roof = lab_curve("the most there is", by_factors(0.05, 100, 80), reach);
  Series one = lab_curve("vector times matrix", {0.25}, reach);
  Series blocks = lab_curve("product, blocks of 8, 16, 32, 64, 128", {1, 2, 4, 8, 16}, reach);
  one.kind = blocks.kind = SeriesKind::kPoints;
  return svg(LinePlot{.title = "A roofline: 50 GFLOP/s, 10 GB/s",
                      .x = {.label = "operations a byte", .log = true},
                      .y = {.label = "GFLOP/s", .log = true},
                      .series = {roof, one, blocks}});
}

// 6: Adam's first steps on a gradient that does not change.
std::string correction_picture() {
  const Numbers steps = evenly(1, 100, 100);
  return svg(LinePlot{.title = "Adam's steps on a constant gradient",
                      .x = {.label = "step", .whole = true},
                      .y = {.label = "length / lr", .low = 0},
                      .series = {lab_curve("corrected", steps, [](double) { return 1; }),
                                 lab_curve("not corrected", steps, [](double t) {
                                   return (1 - std::pow(0.9, t)) / std::sqrt(1 - std::pow(0.999, t));
                                 })}});
}
std::string paths_picture() {
  const PlaneView& view = plane_view("ravine");
  std::vector<NamedPath> paths;
  for (const char* spec : {"sgd", "sgd:momentum=0.9", "adam", "lion"})
    paths.push_back({spec, plane_path(spec, view)});
  return paths_svg(view, paths);
}

constexpr LabPicture kPictures[] = {
    {1, "training.svg", training_picture},
    {2, "variance.svg", variance_picture},
    {3, "differences.svg", differences_picture},
    {4, "smoothing.svg", smoothing_picture},
    {5, "roofline.svg", roofline_picture},
    {6, "correction.svg", correction_picture},
    {6, "paths.svg", paths_picture},
    {7, "polynomial.svg", polynomial_picture},
    {8, "eigenvalue.svg", eigenvalue_picture},
    {9, "temperature.svg", temperature_picture},
    {10, "explained.svg", explained_picture},
    {11, "cosine.svg", cosine_picture},
    {12, "looks.svg", looks_picture},
};

}  // namespace

std::span<const LabPicture> lab_pictures() { return kPictures; }

int write_lab_pictures(const std::string& folder) {
  int written = 0;
  for (const LabPicture& picture : lab_pictures()) {
    write_file((std::filesystem::path(find_lab(folder, picture.lab).folder) / picture.file).string(),
               picture.draw());
    ++written;
  }
  return written;
}

}  // namespace gradus
