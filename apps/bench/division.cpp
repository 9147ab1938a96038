#include "apps/bench/division.h"

#include <algorithm>
#include <vector>

namespace gradus::bench {
namespace {

double median_of(std::vector<DivisionOfWork>& all, double DivisionOfWork::*field) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end(),
                   [&](const auto& a, const auto& b) { return a.*field < b.*field; });
  return *middle.*field;
}

}  // namespace

DividedStep divided_step(int threads, const DivisionOfWork& work, double start_s) {
  const double outside = work.total_s - work.parts_s;
  const double step =
      outside + work.longest_s + static_cast<double>(work.loops) * start_s * static_cast<double>(threads - 1);
  return {.threads = threads,
          .step_s = step,
          .outside = outside / work.total_s,
          .balance = work.longest_s > 0 ? work.parts_s / threads / work.longest_s : 1,
          .ratio = work.total_s / step};
}

DivisionOfWork median_division(int threads, int runs, const std::function<void()>& step) {
  divide_work(threads, step);
  std::vector<DivisionOfWork> all;
  for (int i = 0; i < runs; ++i) all.push_back(divide_work(threads, step));
  return {.total_s = median_of(all, &DivisionOfWork::total_s),
          .parts_s = median_of(all, &DivisionOfWork::parts_s),
          .longest_s = median_of(all, &DivisionOfWork::longest_s),
          .loops = all.front().loops};
}

}  // namespace gradus::bench
