#include "apps/book/site.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/report/markup.h"

namespace gradus {
namespace {

std::string up_from(const std::string& page) {
  std::string up;
  for (const char c : page)
    if (c == '/') up += "../";
  return up;
}

// Folder and words joined, "." and ".." resolved: "optim" + "../core/README.md" -> "core/README.md".
std::string joined_path(const std::string& folder, const std::string& words) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : (folder.empty() ? "" : folder + "/") + words + "/") {
    if (c != '/') {
      part += c;
      continue;
    }
    if (part == ".." && !parts.empty())
      parts.pop_back();
    else if (!part.empty() && part != "." && part != "..")
      parts.push_back(part);
    part.clear();
  }
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : "/") + p;
  return out;
}

std::string framed(const BookPage& page, const BookPage* next) {
  const std::string up = up_from(page.path);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
      "<meta name=\"color-scheme\" content=\"light dark\" />\n<link rel=\"icon\" href=\"data:,\" />\n"
      "<title>" +
      escaped(page.title) + " – gradus</title>\n<link rel=\"stylesheet\" href=\"" + up +
      "book.css\" />\n"
      "<script src=\"" +
      up + "search.js\" defer=\"\" data-root=\"" + up +
      "\"></script>\n</head>\n<body>\n"
      "<nav class=\"top\"><a href=\"" +
      up + "index.html\">gradus</a>";
  if (page.listed && !page.kind.empty())
    out += "<a href=\"" + up + "index.html#" + anchor_name(page.kind) + "\">" + escaped(page.kind) + "</a>";
  if (page.listed && !page.family.empty() && page.family != page.kind)
    out += "<a href=\"" + up + "index.html#" + anchor_name(page.kind + "-" + page.family) + "\">" +
           escaped(page.family) + "</a>";
  // The script shows the box; without it nobody sees a box that does nothing.
  out +=
      "<span id=\"search\" hidden=\"\"><input type=\"search\" placeholder=\"search\" aria-label=\"search the "
      "book\" autocomplete=\"off\" /><span id=\"found\"></span></span></nav>\n<main>\n<h1>" +
      escaped(page.title) + "</h1>\n";
  if (!page.summary.empty()) out += "<p class=\"lead\">" + escaped(page.summary) + "</p>\n";
  out += page.body.str();
  if (next)
    out += "<p class=\"next\">Next to read: <a href=\"" + book_link(page.path, next->path) + "\">" +
           escaped(next->title) + "</a>" +
           (next->summary.empty() ? "" : " <span class=\"soft\">" + escaped(next->summary) + "</span>") +
           "</p>\n";
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace

std::string book_link(const std::string& from, const std::string& to, const std::string& anchor) {
  return up_from(from) + to + (anchor.empty() ? "" : "#" + anchor);
}

std::string room_page(const std::string& folder) {
  return folder.empty() ? "room/gradus.html" : "room/" + folder + ".html";
}

std::string source_page(const std::string& file) {
  if (file == "README.md") return room_page("");
  if (file.ends_with("/README.md")) return room_page(file.substr(0, file.rfind('/')));
  return "source/" + file + ".html";
}

Html Site::link(const std::string& words, const std::string& from, const std::string& to,
                const std::string& anchor) const {
  return expected(to) ? html::link(words, book_link(from, to, anchor)) : html::text(words);
}

Html Site::source_link(const std::string& file, const std::string& from) const {
  const std::string page = source_page(file);
  return expected(page) ? Html::trusted("<a href=\"" + escaped(book_link(from, page)) + "\">" +
                                        html::code(file).str() + "</a>")
                        : html::code(file);
}

std::string Site::readme_target(const std::string& words, const std::string& folder,
                                const std::string& from) const {
  const std::string clean = words.substr(0, words.find('#'));
  if (clean.empty() || clean.find_first_of(" <>*(:") != std::string::npos) return "";
  for (const std::string& base : {joined_path(folder, clean), clean}) {
    if (sources_.has(base)) return expected(source_page(base)) ? book_link(from, source_page(base)) : "";
    for (const char* ending : {".h", ".cpp"})
      if (base.find('/') != std::string::npos && sources_.has(base + ending) &&
          expected(source_page(base + ending)))
        return book_link(from, source_page(base + ending));
    if ((clean.ends_with('/') || clean.find('/') != std::string::npos) &&
        expected(room_page(joined_path("", base))))
      return book_link(from, room_page(joined_path("", base)));
  }
  return "";
}

std::map<std::string, std::string> Site::files() const {
  std::map<std::string, const BookPage*> by_path;
  for (const BookPage& page : pages_) by_path[page.path] = &page;
  std::map<std::string, std::string> out = files_;
  auto index = nlohmann::json::array();
  for (const BookPage& page : pages_) {
    const auto next = by_path.find(page.next);
    out[page.path] = framed(page, next == by_path.end() ? nullptr : next->second);
    index.push_back({page.title, page.path, page.kind, page.summary});
  }
  out["book.css"] = book_style();
  out["search.js"] = search_script();
  out["index.js"] =
      "var gradusIndex=" + index.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + ";\n";

  BookPage front{.path = "index.html",
                 .title = "gradus, the book",
                 .kind = "",
                 .family = "",
                 .summary = "Algorithms of deep learning: the equations, and the code that is run.",
                 .body = {},
                 .next = ""};
  std::vector<std::string> kinds;
  std::map<std::string, std::vector<std::string>> families;
  std::map<std::string, std::vector<const BookPage*>> members;
  for (const BookPage& page : pages_) {
    if (!page.listed) continue;
    if (std::find(kinds.begin(), kinds.end(), page.kind) == kinds.end()) kinds.push_back(page.kind);
    auto& of_kind = families[page.kind];
    if (std::find(of_kind.begin(), of_kind.end(), page.family) == of_kind.end())
      of_kind.push_back(page.family);
    members[page.kind + "\n" + page.family].push_back(&page);
  }
  Html contents;
  for (const std::string& kind : kinds)
    contents += Html::trusted("<a href=\"#" + anchor_name(kind) + "\">" + escaped(kind) + "</a> ");
  front.body += Html::trusted("<p class=\"kinds\">" + contents.str() + "</p>\n");
  for (const std::string& kind : kinds) {
    front.body += html::heading(2, kind, kind);
    for (const std::string& family : families[kind]) {
      std::string entries;
      for (const BookPage* page : members[kind + "\n" + family])
        entries += "<li><a href=\"" + escaped(page->path) + "\">" + escaped(page->title) +
                   "</a> <span class=\"soft\">" + escaped(page->summary) + "</span></li>\n";
      if (!family.empty() && family != kind) front.body += html::heading(3, family, kind + "-" + family);
      front.body += Html::trusted("<ul class=\"entries\">\n" + entries + "</ul>\n");
    }
  }
  out["index.html"] = framed(front, nullptr);
  return out;
}

}  // namespace gradus
