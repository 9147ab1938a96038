#include "core/processors.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/temp_dir.h"

using namespace gradus;

TEST_CASE("processors: at least one, and a list of numbers and spans counted") {
  CHECK(processors() >= 1);
  CHECK(memory_nodes() >= 1);
  CHECK(count_listed("0") == 1);
  CHECK(count_listed("0-3,8") == 5);
  CHECK(count_listed("0,2-3,5-5") == 4);
  CHECK(count_listed("") == 0);
}

TEST_CASE("processor quota: version 2, the least of a group and those above it") {
  const TempDir dir;
  CHECK(processor_quota(dir.path()) == std::numeric_limits<double>::infinity());
  dir.write("proc/self/cgroup", "0::/a/b\n");
  dir.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(processor_quota(dir.path()) == std::numeric_limits<double>::infinity());
  dir.write("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
  CHECK(processor_quota(dir.path()) == 1.5);
  dir.write("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(processor_quota(dir.path()) == 0.5);
  dir.write("proc/self/cgroup", "0::/\n");
  dir.write("sys/fs/cgroup/cpu.max", "400000 100000\n");
  CHECK(processor_quota(dir.path()) == 4);
}

TEST_CASE("processor quota: version 1, of the controller cpu alone, -1 for none") {
  const TempDir dir;
  dir.write("proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/c\n3:cpuset:/s\nno line\n");
  dir.write("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "-1\n");
  dir.write("sys/fs/cgroup/cpu/c/cpu.cfs_period_us", "100000\n");
  CHECK(processor_quota(dir.path()) == std::numeric_limits<double>::infinity());
  dir.write("sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "250000\n");
  dir.write("sys/fs/cgroup/cpu/m/cpu.cfs_quota_us", "1000\n");
  CHECK(processor_quota(dir.path()) == 2.5);
}
