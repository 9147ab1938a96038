// How many processors there are for this process.
#pragma once

#include <string>

namespace gradus {

/// Processors that this process may keep busy at once: those it is allowed to run on, at most what the quota of its control group
/// comes to (rounded up). At least 1; found once.
int processors();

/// Memory nodes of the machine: with several, memory lies near the processor that writes it first. 1 where the system does not say.
int memory_nodes();
/// How many numbers a list such as "0-3,8" names, as in sys/devices/system/node/online.
int count_listed(const std::string& list);

/// The quota below a folder that stands for /: the least of the control groups named in proc/self/cgroup and of those above
/// them, cpu.max of version 2 ("QUOTA PERIOD" or "max PERIOD") and cpu.cfs_quota_us of version 1 (-1: none). Infinity where nothing says so.
/// Source: Linux, Documentation/admin-guide/cgroup-v2.rst and scheduler/sched-bwc.rst.
double processor_quota(const std::string& root = "");

}  // namespace gradus
