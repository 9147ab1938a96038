// A paper as gradus knows it: its text, its functions on small numbers (cases), and its experiment. One file a paper,
// <family>/<slug>.cpp, ends in a function that returns this; methods, loops and statistics are elsewhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/papers/case_function.h"

namespace gradus {

class Experiment;

struct Paper {
  std::string slug;     ///< "adabelief"
  std::string family;   ///< folder below apps/papers/: "adaptive"
  std::string title;    ///< in full
  std::string authors;  ///< family names, "et al." from the fourth on
  std::string venue;    ///< "NeurIPS"
  int year = 0;
  std::string arxiv;               ///< "2010.07468"; "" where there is none
  std::string idea;                ///< two lines: what is new, what is claimed
  std::string equations;           ///< plain text, one assignment a line, in the names of the code
  std::vector<std::string> files;  ///< of its method: "optim/rules/adabelief.cpp"
  std::string use;                 ///< how to start it: "gradus train --optim adabelief"
  std::vector<CaseFunction> functions;
  void (*experiment)(Experiment&) = nullptr;
  double minutes = 5;  ///< budget of a default run on two processors
};

/// The table, by family and in reading order within it.
const std::vector<Paper>& papers();
/// A paper, or the comparison of all optimizers, "zoo" (zoo/zoo.h), which is in no list. Throws UsageError with the nearest name
/// and how to list them.
const Paper& find_paper(std::string_view slug);

/// Functions that several papers share as baselines ("lora", "diffusion-baselines"): found by the same commands, no papers.
struct Baselines {
  std::string slug, summary;
  std::vector<CaseFunction> functions;
};
const std::vector<Baselines>& baselines();

}  // namespace gradus
