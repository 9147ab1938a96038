#include "apps/book/book.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/papers/paper.h"
#include "apps/papers/recorded.h"
#include "apps/papers/report_text.h"
#include "core/error.h"
#include "core/glob.h"

namespace gradus {
namespace {

// Pages of one kind follow each other in the order of the registry, unless a maker says otherwise.
void chain(std::vector<BookPage>& pages) {
  for (size_t i = 0; i + 1 < pages.size(); ++i)
    if (pages[i].next.empty() && pages[i].kind == pages[i + 1].kind) pages[i].next = pages[i + 1].path;
}

struct Maker {
  const char* what;
  void (*make)(BookMaker&);
};
constexpr Maker kMakers[] = {{"optimizers", optimizer_pages},
                             {"schedules, data sets, adapters", table_pages},
                             {"models, layers, primitives", network_pages},
                             {"papers", paper_pages},
                             {"rooms and sources", room_pages}};

}  // namespace

std::set<std::string> book_page_paths(const Sources& sources) {
  Site site(sources);
  const PathTable none;
  const RateCurves no_curves;
  BookMaker book{.site = site, .only = "*", .paths = none, .curves = no_curves};
  for (const Maker& m : kMakers) m.make(book);
  return site.expected_pages();
}

void BookMaker::page(BookPage page, const std::function<Html(const BookPage&)>& body) {
  if (!glob_match(only, page.title)) return;
  if (!filling) {
    if (site.expected(page.path)) fail<GraphError>("book: two pages at {}", page.path);
    site.expect(page.path);
    return;
  }
  page.body = body(page);
  site.add(std::move(page));
}

std::map<std::string, std::string> make_book(const Sources& sources, const std::string& only,
                                             const std::function<void(const std::string&)>& progress) {
  const auto recorded = [&](const char* file) {
    return std::filesystem::is_regular_file(std::filesystem::path(sources.root()) / file);
  };
  PathTable paths;
  RateCurves curves;
  if (recorded(kRecordedPaths)) paths = paths_from_text(sources.text(kRecordedPaths), kRecordedPaths);
  if (recorded(kRecordedCurves))
    curves = rate_curves_from_text(sources.text(kRecordedCurves), kRecordedCurves);
  Site site(sources);
  BookMaker book{.site = site, .only = only, .paths = paths, .curves = curves};
  for (const Maker& m : kMakers) m.make(book);
  book.filling = true;
  for (const Maker& m : kMakers) {
    progress(m.what);
    m.make(book);
  }
  if (site.pages().empty()) fail<UsageError>("book: no page's title matches '{}'", only);
  chain(site.pages());
  for (const PlaneView& view : plane_views().first(kBookProblems))
    site.add_file(fmt::format("picture/{}.svg", view.problem), contour_svg(view));
  return site.files();
}

namespace {

// "0 <= x < 1" as it is printed.
std::string printed_limits(std::string limits) {
  for (const auto& [from, to] : {std::pair("<=", "≤"), std::pair(">=", "≥")})
    for (size_t at = limits.find(from); at != std::string::npos; at = limits.find(from))
      limits.replace(at, 2, to);
  return limits;
}

}  // namespace

Html options_html(const std::vector<OptionInfo>& options) {
  if (options.empty()) return html::paragraph(html::text("No options."));
  html::Table table{
      .caption = "",
      .head = {html::cell("option"), html::cell("default"), html::cell("range"), html::cell("meaning")},
      .rows = {}};
  for (const OptionInfo& o : options)
    table.rows.push_back(
        {html::row_head(html::code(o.name)), html::cell(o.default_value.empty() ? "–" : o.default_value),
         html::cell(o.limits.empty() ? o.type : printed_limits(o.limits)), html::cell(o.help)});
  return html::table(table);
}

Html beside(const Html& left, const Html& right) {
  return Html::trusted("<div class=\"beside\"><div>" + left.str() + "</div>\n<div class=\"right\">" +
                       right.str() + "</div></div>\n");
}

std::string entry_page(const std::string& folder, const std::string& name) {
  return folder + "/" + name + ".html";
}

Html verdicts_of(const BookMaker& book, const std::string& file, const std::string& from) {
  std::vector<Html> items;
  for (const Paper& paper : papers()) {
    if (file.empty() || std::find(paper.files.begin(), paper.files.end(), file) == paper.files.end())
      continue;
    const Record* record = recorded_result(paper.slug);
    items.push_back((record ? verdict_mark(record->verdict) : html::soft("not recorded")) + html::text(" ") +
                    book.site.link(paper.title, from, entry_page("paper", paper.slug)));
  }
  return items.empty() ? Html() : html::heading(2, "Verdict of its paper", "verdict") + html::list(items);
}

}  // namespace gradus
