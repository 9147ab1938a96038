// Papers as text: the list, the table of READMEs, one in full.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/papers/paper.h"

namespace gradus {

/// Lines of slug, verdict, minutes, title.
std::string papers_table(const std::vector<const Paper*>& selected);
/// The same as a table of Markdown.
std::string papers_markdown(const std::vector<const Paper*>& selected);
nlohmann::ordered_json papers_json(const std::vector<const Paper*>& selected);
/// Everything about one: text, equations, files, functions with options and slots, arms and claims, the recorded result.
std::string paper_text(const Paper& paper);

}  // namespace gradus
