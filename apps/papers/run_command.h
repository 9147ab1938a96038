// `gradus papers run` as a whole: from flags to records.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/papers/paper.h"
#include "apps/papers/plan.h"
#include "apps/papers/record.h"

namespace gradus {

struct PapersRun {
  std::optional<int64> seeds, jobs, threads;
  int64 first_seed = 0;
  bool quick = false, fresh = false, resume = false, check = false, json = false, quiet = false;
  std::string family, out, data_dir;

  void visit(auto&& f) {
    f("family", family, "all papers of this family, or those of them that match");
    f("seeds", seeds, "final runs of each arm; else what the paper says, 3 or more", at_least(1));
    f("first_seed", first_seed, "seed of the first of them; tuning has seeds of its own", at_least(0));
    f("quick", quick, "a smoke run: a few steps on data that need no files; shows nothing");
    f("jobs", jobs, "runs side by side; else one a processor", at_least(1));
    f("threads", threads, "of each run; else the processors divided by the jobs", at_least(1));
    f("out", out, "folder of finished runs and the result; else runs/papers/SLUG (--quick: none)");
    f("fresh", fresh, "forget the finished runs in the folder and start over");
    f("resume", resume, "go on with the finished runs in the folder; so does a plain run");
    f("check", check, "exit code 4 unless all claims are shown");
    f("json", json, "print the record as one JSON object");
    f("quiet", quiet, "no progress on stderr");
    f("data_dir", data_dir, "where data sets lie; else $GRADUS_DATA, then ./datasets");
  }
};

/// Papers that match one of the patterns (slugs or globs) and the family, in the order of the table. Throws UsageError
/// where a pattern matches none, with the nearest name.
std::vector<const Paper*> select_papers(const std::vector<std::string>& patterns, const std::string& family);

/// Runs the paper's experiment in `folder`; nothing if a signal ended it (all finished runs are stored then).
/// Throws what the harness throws, UsageError if another command runs it in this folder.
std::optional<Record> run_paper(const Paper& paper, const PapersRun& run, const std::string& folder);
/// One of the processes of --jobs: does what its standard input says.
int run_worker(const std::string& slug, const PapersRun& run, int parent);

}  // namespace gradus
