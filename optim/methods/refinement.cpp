#include "optim/methods/refinement.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "core/linalg.h"

namespace gradus {
namespace {

// values[i] for i >= 0, folded back and forth at the right edge (and then the left one) without repeating the ends.
double folded(std::span<const double> values, int64 i) {
  const auto n = static_cast<int64>(values.size());
  if (n == 1) return values[0];
  const int64 period = 2 * (n - 1), at = i % period;
  return values[static_cast<size_t>(at < n ? at : period - at)];
}

std::vector<double> interpolated(const std::vector<double>& values, int64 count) {
  if (count == static_cast<int64>(values.size())) return values;
  std::vector<double> out;
  for (int64 i = 0; i < count; ++i) {
    const double at = count == 1 ? 0
                                 : static_cast<double>(i) * static_cast<double>(values.size() - 1) /
                                       static_cast<double>(count - 1);
    const auto left = std::min(static_cast<size_t>(at), values.size() - 2);
    const double part = at - static_cast<double>(left);
    out.push_back((1 - part) * values[left] + part * values[left + 1]);
  }
  return out;
}

// The column of this name of a comma-separated table with a header, or the first column where there is no header.
std::vector<double> read_norms(const std::string& path, const std::string& column) {
  std::ifstream in(path);
  if (!in) fail<DataError>("schedule refined: {} cannot be opened", path);
  std::vector<double> norms;
  std::string line, cell;
  size_t at = 0;
  for (int64 number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    std::vector<std::string> cells;
    std::istringstream row(line);
    while (std::getline(row, cell, ',')) cells.push_back(cell);
    if (norms.empty() && number == 1 && cells.size() > 1) {
      at = static_cast<size_t>(std::find(cells.begin(), cells.end(), column) - cells.begin());
      if (at == cells.size())
        fail<DataError>("{}: no column '{}'; a list of numbers or a table with columns l1, l2 is needed",
                        path, column);
      continue;
    }
    char* end = nullptr;
    const double value = at < cells.size() ? std::strtod(cells[at].c_str(), &end) : 0;
    if (!end || end == cells[at].c_str())
      fail<DataError>("{}: line {} holds no number: '{}'", path, number, line);
    norms.push_back(value);
  }
  return norms;
}

struct RefinedOptions {
  std::string norms;
  RefinementOptions own;
  void visit(auto&& f) {
    f("norms", norms, "file with the gradient norm of every step of an earlier run");
    own.visit(f);
  }
};

class Refined final : public Schedule {
 public:
  Refined(const OptionList& list, const Horizon& horizon) {
    set_options(options_, list, "schedule refined");
    if (horizon.total_steps <= 0) fail<UsageError>("schedule refined needs to know the number of steps");
    const std::vector<double> norms = options_.norms.empty()
                                          ? std::vector<double>(2, 1.0)
                                          : read_norms(options_.norms, options_.own.p == 1 ? "l1" : "l2");
    factors_ = horizon.total_steps == 1 ? std::vector<double>{1}
                                        : refined_schedule(norms, options_.own, horizon.total_steps);
  }
  double scale(int64 step) const override {
    return factors_[static_cast<size_t>(std::min(step, static_cast<int64>(factors_.size()) - 1))];
  }
  std::string spec() const override { return Spec{"refined", "", option_list(options_)}.str(); }

 private:
  RefinedOptions options_;
  std::vector<double> factors_;
};

}  // namespace

ScheduleEntry refined_schedule_entry() {
  return {"refined",
          "linear decay refined by the gradient norms of an earlier run",
          describe_options<RefinedOptions>(),
          [](const OptionList& list, const Horizon& horizon) -> std::unique_ptr<Schedule> {
            return std::make_unique<Refined>(list, horizon);
          },
          {"norms"}};
}

std::vector<double> median_filter(std::span<const double> values, int64 width) {
  if (width < 1 || width % 2 == 0) fail<UsageError>("median filter: the width must be odd, not {}", width);
  std::vector<double> out, window;
  for (int64 i = 0; i < static_cast<int64>(values.size()); ++i) {
    window.clear();
    for (int64 j = i - width / 2; j <= i + width / 2; ++j)
      window.push_back(folded(values, std::max<int64>(j, 0)));
    out.push_back(linalg::median(window));
  }
  return out;
}

std::vector<double> refined_schedule(std::span<const double> norms, const RefinementOptions& options,
                                     int64 steps) {
  std::vector<double> g;
  for (double x : norms) {
    if (x < 0) fail<DataError>("schedule refined: a gradient norm is {}", x);
    if (std::isfinite(x)) g.push_back(x);
  }
  if (g.size() < 2)
    fail<DataError>("schedule refined: needs at least two finite gradient norms, found {}", g.size());
  g = interpolated(g, steps > 0 ? steps : static_cast<int64>(norms.size()));
  const auto share = static_cast<int64>(options.tau * static_cast<double>(g.size()));
  if (options.tau > 0) g = median_filter(g, 2 * (share / 2) + 1);
  std::vector<double> sorted = g;
  const double middle = linalg::median(sorted);
  const double floor = middle > 0 ? 1e-12 * middle : 1;
  double total = 0, top = 0;
  std::vector<double> eta;
  for (double& x : g) total += x = std::pow(std::max(x, floor), -options.p);
  double later = 0;
  eta.resize(g.size());
  for (size_t t = g.size(); t-- > 0;) {
    eta[t] = g[t] * later / total;
    later += g[t];
    top = std::max(top, eta[t]);
  }
  for (double& x : eta) x = top > 0 ? x / top : 0;
  return eta;
}

}  // namespace gradus
