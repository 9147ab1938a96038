// The book's pages: their frame (head, trail, what to read next), links between them, and the files a site is made of.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "apps/book/sources.h"
#include "apps/report/page.h"

namespace gradus {

struct BookPage {
  std::string path;     ///< below the site's root: "optim/adam.html"; never changes for what it shows
  std::string title;    ///< "adam"
  std::string kind;     ///< "optimizer": a heading of the index
  std::string family;   ///< "adaptive": a line of the index
  std::string summary;  ///< a line
  Html body;
  std::string next;    ///< path of the page to read next, or ""
  bool listed = true;  ///< in the index by family; all pages are found by the search box
};

/// The link from page `from` to page `to` (paths below the root), "../optim/adam.html"; `anchor` without #.
std::string book_link(const std::string& from, const std::string& to, const std::string& anchor = "");
/// The page that shows a file of the sources: "source/optim/rules/adam.cpp.html"; of a README its room's.
std::string source_page(const std::string& file);
/// The page of a folder: "room/optim/rules.html".
std::string room_page(const std::string& folder);

class Site {
 public:
  explicit Site(const Sources& sources) : sources_(sources) {}

  const Sources& sources() const { return sources_; }
  void add(BookPage page) { pages_.push_back(std::move(page)); }
  std::vector<BookPage>& pages() { return pages_; }
  const std::vector<BookPage>& pages() const { return pages_; }
  /// A picture or other file of its own.
  void add_file(const std::string& path, std::string text) { files_[path] = std::move(text); }

  /// A link from `from` to a page that there is, else the words alone.
  Html link(const std::string& words, const std::string& from, const std::string& to,
            const std::string& anchor = "") const;
  /// To the page of a file of the sources.
  Html source_link(const std::string& file, const std::string& from) const;
  /// What a README in `folder` names: a link, a file ("adam.cpp", "vocabulary/words.h") or a folder; "" where there is none.
  std::string readme_target(const std::string& words, const std::string& folder,
                            const std::string& from) const;
  /// The pages that there will be, told before their bodies are made so that links can be checked.
  void expect(const std::string& path) { expected_.insert(path); }
  bool expected(const std::string& path) const { return expected_.contains(path); }

  const std::set<std::string>& expected_pages() const { return expected_; }

  /// Everything as files by path: pages in their frame, style, index, search.
  std::map<std::string, std::string> files() const;

 private:
  const Sources& sources_;
  std::vector<BookPage> pages_;
  std::map<std::string, std::string> files_;
  std::set<std::string> expected_;
};

/// Style, and the script of the search box, of all pages.
std::string book_style();
std::string search_script();

}  // namespace gradus
