// The book: every registry entry, file and room as a page of a static site, made of registries, heads of files and recorded
// runs. book.cpp makes the list of pages; *_pages.cpp what is on them.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "apps/book/paths.h"
#include "apps/book/sensitivity.h"
#include "apps/book/site.h"
#include "core/options.h"

namespace gradus {

/// Where the recorded paths and sweeps of step sizes lie in the sources.
inline constexpr const char *kRecordedPaths = "apps/book/recorded/paths.json",
                            *kRecordedCurves = "apps/book/recorded/sensitivity.json";

/// The files of the site by path. `only`: pages whose title matches this pattern; links to others are left out.
/// `progress` is told what is made. Throws DataError for sources or recorded paths that cannot be read.
std::map<std::string, std::string> make_book(const Sources& sources, const std::string& only,
                                             const std::function<void(const std::string&)>& progress);

/// The paths of all pages of the whole book.
std::set<std::string> book_page_paths(const Sources& sources);

/// What the makers of pages need. A maker is called twice: first to tell its pages, then with all of them known, to fill
/// their bodies.
struct BookMaker {
  Site& site;
  std::string only;
  const PathTable& paths;
  const RateCurves& curves;
  bool filling = false;

  /// Tells a page, or fills it: `body` is made only then.
  void page(BookPage page, const std::function<Html(const BookPage&)>& body);
};
void optimizer_pages(BookMaker& book);
void table_pages(BookMaker& book);    // schedules, server rules, gradients, data sets, adapters, ...
void network_pages(BookMaker& book);  // models, layers, primitives
void paper_pages(BookMaker& book);
void room_pages(BookMaker& book);  // rooms with their READMEs, ways of learning, sources

/// Options with default, range and meaning.
Html options_html(const std::vector<OptionInfo>& options);
/// Two columns where there is room: text, and code that stays in view.
Html beside(const Html& left, const Html& right);
/// "optim/adam.html" for a kind's folder and a name.
std::string entry_page(const std::string& folder, const std::string& name);
/// Papers whose method a file is part of, with their verdicts; nothing where there are none.
Html verdicts_of(const BookMaker& book, const std::string& file, const std::string& from);

}  // namespace gradus
