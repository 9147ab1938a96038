#include "core/processors.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>

namespace gradus {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

double quotient(double quota, double period) { return quota > 0 && period > 0 ? quota / period : kNone; }

double number_in(const std::string& path) {
  std::ifstream file(path);
  double value = -1;
  return file >> value ? value : -1;
}

// Of one group's folder.
double quota_in(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  if (file >> quota >> period) return quotient(quota, period);  // "max" is no number
  return quotient(number_in(folder + "/cpu.cfs_quota_us"), number_in(folder + "/cpu.cfs_period_us"));
}

}  // namespace

double processor_quota(const std::string& root) {
  double least = kNone;
  std::ifstream groups(root + "/proc/self/cgroup");
  // HIERARCHY:CONTROLLERS:/PATH; version 2 has no controllers there.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",cpu,") == std::string::npos) continue;
    const std::string base = root + (unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu");
    std::string path = line.substr(second + 1);
    for (;; path.erase(path.find_last_of('/'))) {  // from the group itself to the topmost
      if (path == "/") path.clear();
      least = std::min(least, quota_in(base + path));
      if (path.empty()) break;
    }
  }
  return least;
}

int count_listed(const std::string& list) {
  int count = 0;
  std::istringstream items(list);
  for (std::string item; std::getline(items, item, ',');) {
    int first = 0, last = 0;
    const int found = std::sscanf(item.c_str(), "%d-%d", &first, &last);
    if (found >= 1) count += found == 2 ? std::max(0, last - first + 1) : 1;
  }
  return count;
}

int memory_nodes() {
  static const int count = [] {
    std::ifstream file("/sys/devices/system/node/online");
    std::string list;
    return std::getline(file, list) ? std::max(1, count_listed(list)) : 1;
  }();
  return count;
}

int processors() {
  static const int count = [] {
    const int allowed = std::max(1, omp_get_num_procs());
    const double quota = std::ceil(processor_quota());
    return quota < allowed ? std::max(1, static_cast<int>(quota)) : allowed;
  }();
  return count;
}

}  // namespace gradus
