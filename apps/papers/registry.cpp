#include <algorithm>

#include "apps/papers/entries.h"
#include "core/error.h"

namespace gradus {

const std::vector<Paper>& papers() {
  using namespace paper_entries;
  static const std::vector<Paper> table = {
      // adaptive: element-wise adaptive rules
      adabelief(),
      // federated: many clients that keep their data
      fedopt(),
      // problems: losses and solvers for tasks of their own
      neuralndcg(),
      scaledgd(),
      incremental_matrix_sensing(),
      noregret_games(),
      sketched_newton_al(),
  };
  return table;
}

const Paper& find_paper(std::string_view slug) {
  std::vector<std::string> names;
  for (const Paper& paper : papers()) {
    if (paper.slug == slug) return paper;
    names.push_back(paper.slug);
  }
  const std::string near = nearest(slug, names);
  fail<UsageError>("unknown paper '{}'{}; 'gradus papers list' names them all", slug,
                   near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

const std::vector<Baselines>& baselines() {
  static const std::vector<Baselines> table = {};
  return table;
}

}  // namespace gradus
