// Recorded experiments as one page: an index of verdicts by family, then a section a paper with its idea, claims, figures,
// curves with seed bands, tables of arms and tuning, settings, and the command that runs it again.
#pragma once

#include <string>
#include <vector>

#include "apps/papers/paper.h"
#include "apps/papers/record.h"
#include "apps/report/page.h"

namespace gradus {

/// The whole page (HTML). Texts of papers come from `known`, in whose order the sections stand; records of others follow by
/// slug. `complaints` (files that could not be read) are shown at the top. `all`: papers without a record are listed too.
std::string papers_page(const std::vector<Record>& records, const std::vector<Paper>& known,
                        const std::vector<std::string>& complaints = {}, bool all = true);

/// The records below a folder: every .json file of the form record_json() writes, by path, folders of single runs left out.
/// A file of that form that is damaged gets a line in `complaints`. Throws DataError for a folder that is not there.
std::vector<Record> records_below(const std::string& folder, std::vector<std::string>& complaints);

}  // namespace gradus
