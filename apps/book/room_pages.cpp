// Pages of rooms (a folder: its README, what is in it, what it includes and who includes it) and of source files.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "apps/book/book.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "apps/book/markdown.h"
#include "apps/report/markup.h"

namespace gradus {
namespace {

std::string folder_of(const std::string& file) {
  return file.find('/') == std::string::npos ? "" : file.substr(0, file.rfind('/'));
}
std::string top_of(const std::string& folder) { return folder.substr(0, folder.find('/')); }

// Includes from folder to folder, counted; by folders and by rooms.
struct IncludeGraph {
  std::map<std::string, std::map<std::string, int>> folders, rooms;
};

IncludeGraph include_graph(const Sources& sources) {
  IncludeGraph graph;
  for (const std::string& file : sources.files()) {
    if (file.ends_with(".md")) continue;
    const std::string& text = sources.text(file);
    const std::string from = folder_of(file);
    for (size_t at = text.find("#include \""); at != std::string::npos;
         at = text.find("#include \"", at + 1)) {
      const std::string to = text.substr(at + 10, text.find('"', at + 10) - at - 10);
      if (!sources.has(to)) continue;
      if (folder_of(to) != from) ++graph.folders[from][folder_of(to)];
      if (top_of(to) != top_of(from)) ++graph.rooms[top_of(from)][top_of(to)];
    }
  }
  return graph;
}

std::string room_box(const Site& site, const std::string& from, const std::string& folder, double x, double y,
                     double width, bool here) {
  const std::string box = fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"34\" rx=\"4\"{}/><text x=\"{}\" y=\"{}\"{}>{}</text>",
      px(x), px(y), px(width), here ? " stroke-width=\"2.5\"" : "", px(x + width / 2), px(y + 22),
      here ? " font-weight=\"700\"" : "", escaped(fitted(folder, width - 8, 15)));
  const std::string page = room_page(folder);
  return site.expected(page) && !here ? "<a href=\"" + book_link(from, page) + "\">" + box + "</a>" : box;
}

std::string arrow(double x1, double y1, double x2, double y2) {
  const double length = std::hypot(x2 - x1, y2 - y1), ux = (x2 - x1) / length, uy = (y2 - y1) / length;
  return fmt::format(
      "<path class=\"arrow\" d=\"M{} {}L{} {}\"/><path class=\"head\" d=\"M{} {}L{} {}L{} {}z\"/>", px(x1),
      px(y1), px(x2 - 6 * ux), px(y2 - 6 * uy), px(x2), px(y2), px(x2 - 9 * ux + 4 * uy),
      px(y2 - 9 * uy - 4 * ux), px(x2 - 9 * ux - 4 * uy), px(y2 - 9 * uy + 4 * ux));
}

// The rooms, each above what it includes.
Html rooms_drawing(const BookMaker& book, const IncludeGraph& graph, const std::string& from) {
  struct Place {
    const char* room;
    double x, y;
  };
  const Place places[] = {{"apps", 210, 10},  {"nn", 30, 110},        {"optim", 210, 110},
                          {"data", 390, 160}, {"autograd", 120, 210}, {"core", 210, 310}};
  constexpr double kWidth = 120;
  std::string arrows, boxes;
  for (const Place& a : places) {
    for (const Place& b : places) {
      const auto row = graph.rooms.find(a.room);
      if (row == graph.rooms.end() || !row->second.contains(b.room)) continue;
      const double dx = (b.x - a.x) * 0.25;
      arrows += arrow(a.x + kWidth / 2 + std::clamp(dx, -45.0, 45.0), a.y + 34,
                      b.x + kWidth / 2 - std::clamp(dx, -45.0, 45.0), b.y);
    }
    boxes += room_box(book.site, from, a.room, a.x, a.y, kWidth, false);
  }
  return Html::trusted(
      "<figure><svg class=\"plot rooms\" viewBox=\"0 0 540 356\" role=\"img\" aria-label=\"rooms, with an "
      "arrow from each to those whose headers it includes\">" +
      arrows + boxes + "</svg><figcaption>An arrow: includes headers of.</figcaption></figure>\n");
}

// A folder between those that include it and those it includes.
Html folder_drawing(const BookMaker& book, const IncludeGraph& graph, const std::string& folder,
                    const std::string& from) {
  constexpr size_t kMost = 9;
  const auto most = [&](std::vector<std::pair<int, std::string>> all) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    if (all.size() > kMost) all.resize(kMost);
    return all;
  };
  std::vector<std::pair<int, std::string>> used, users;
  if (const auto row = graph.folders.find(folder); row != graph.folders.end())
    for (const auto& [to, n] : row->second) used.emplace_back(n, to);
  for (const auto& [who, row] : graph.folders)
    if (const auto n = row.find(folder); n != row.end()) users.emplace_back(n->second, who);
  used = most(used), users = most(users);
  if (used.empty() && users.empty()) return {};
  constexpr double kWidth = 180, kStep = 44;
  const double height = kStep * static_cast<double>(std::max<size_t>({used.size(), users.size(), 1})) + 10,
               middle = height / 2;
  std::string out;
  const auto column = [&](const std::vector<std::pair<int, std::string>>& all, double x, bool incoming) {
    const double top = middle - kStep * static_cast<double>(all.size()) / 2;
    for (size_t k = 0; k < all.size(); ++k) {
      const double y = top + kStep * static_cast<double>(k) + 5;
      out += room_box(book.site, from, all[k].second, x, y, kWidth, false);
      out += incoming ? arrow(x + kWidth, y + 17, 260, middle) : arrow(260 + kWidth, middle, x, y + 17);
    }
  };
  column(users, 5, true);
  column(used, 515, false);
  out += room_box(book.site, from, folder, 260, middle - 17, kWidth, true);
  return html::heading(2, "Arrows", "arrows") +
         Html::trusted(fmt::format(
             "<figure style=\"max-width:46rem\"><svg class=\"plot rooms\" viewBox=\"0 0 700 {}\" "
             "role=\"img\" aria-label=\"who includes {}, and what it includes\">{}</svg><figcaption>Left: "
             "folders that include headers of this one; right: those "
             "whose headers it includes (at most {} each, by the number of "
             "includes).</figcaption></figure>\n",
             px(height), escaped(folder), out, kMost));
}

// Files that a README's reading order names, in its order, and folders.
std::vector<std::string> reading_order(const Sources& sources, const std::string& folder) {
  const std::string readme = folder.empty() ? "README.md" : folder + "/README.md";
  if (!sources.has(readme)) return {};
  const std::string& text = sources.text(readme);
  size_t at = text.find("## Reading order");
  if (at == std::string::npos) at = text.find("Reading order:");
  if (at == std::string::npos) at = text.find("Read in this order");
  if (at == std::string::npos) at = text.find("## How to read");
  if (at == std::string::npos) return {};
  size_t end = text.find("\n## ", at + 3);
  if (!text.substr(at).starts_with("## ")) end = std::min(end, text.find("\n\n", at));
  std::vector<std::string> out;
  std::string last_folder = folder;
  for (size_t tick = text.find('`', at); tick < end && tick != std::string::npos;
       tick = text.find('`', tick + 1)) {
    const size_t close = text.find('`', tick + 1);
    if (close == std::string::npos) break;
    const std::string words = text.substr(tick + 1, close - tick - 1);
    tick = close;
    const std::string base = folder.empty() ? words : folder + "/" + words;
    if (base.ends_with('/')) last_folder = base.substr(0, base.size() - 1);
    for (const std::string& file :
         {base, last_folder + "/" + words, base + ".h", last_folder + "/" + words + ".h"})
      if (sources.has(file)) {
        if (std::find(out.begin(), out.end(), file) == out.end()) out.push_back(file);
        break;
      }
  }
  return out;
}

// "apps/labs/06-optimizers": its handout is its README.
bool is_lab(const std::string& folder) {
  const std::string labs = "apps/labs/";
  return folder.starts_with(labs) && folder.find('/', labs.size()) == std::string::npos &&
         folder.size() > labs.size() && std::isdigit(static_cast<unsigned char>(folder[labs.size()]));
}

std::string first_comment_line(const std::string& text) {
  const std::string head = opening_comment(text);
  // to the end of the first sentence
  std::string line;
  for (const char c : head) {
    line += c == '\n' ? ' ' : c;
    if ((c == '\n' && line.size() > 1 && line[line.size() - 2] == '.') || line.ends_with(". ") ||
        line.ends_with(": ") || line.size() > 160)
      break;
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == ':')) line.pop_back();
  return line;
}

Html room_body(const BookMaker& book, const IncludeGraph& graph, const std::string& folder,
               const std::string& from) {
  const Sources& sources = book.site.sources();
  const std::string readme = folder.empty() ? "README.md" : folder + "/README.md";
  Html out;
  if (folder.empty()) out += rooms_drawing(book, graph, from);
  if (sources.has(readme))
    out += markdown(sources.text(readme),
                    [&](const std::string& words) { return book.site.readme_target(words, folder, from); });
  if (!folder.empty()) out += folder_drawing(book, graph, folder, from);
  std::vector<Html> files;
  std::set<std::string> below;
  for (const std::string& file : sources.files()) {
    const std::string in = folder_of(file);
    if (in == folder && !file.ends_with("README.md"))
      files.push_back(book.site.source_link(file, from) + html::text(" ") +
                      html::soft(first_comment_line(sources.text(file))));
    else if (!folder.empty() && in.starts_with(folder + "/"))
      below.insert(folder + "/" +
                   in.substr(folder.size() + 1, in.find('/', folder.size() + 1) - folder.size() - 1));
  }
  if (!below.empty()) {
    std::vector<Html> items;
    for (const std::string& b : below) items.push_back(book.site.link(b, from, room_page(b)));
    out += html::heading(2, "Rooms within", "rooms") + html::list(items);
  }
  if (!files.empty()) out += html::heading(2, "Files", "files") + html::list(files);
  return out;
}

}  // namespace

void room_pages(BookMaker& book) {
  const Sources& sources = book.site.sources();
  const IncludeGraph graph = book.filling ? include_graph(sources) : IncludeGraph();
  std::set<std::string> folders{""};
  std::map<std::string, std::string> next;  // by file, along the READMEs' reading orders
  for (const std::string& file : sources.files())
    for (std::string folder = folder_of(file); !folder.empty(); folder = folder_of(folder))
      folders.insert(folder);
  std::map<std::string, std::vector<std::string>> orders;
  for (const std::string& folder : folders) {
    orders[folder] = reading_order(sources, folder);
    const auto& order = orders[folder];
    for (size_t i = 0; i + 1 < order.size(); ++i) next.emplace(order[i], order[i + 1]);
  }
  const std::set<std::string> ways = {
      "apps/train",   "apps/federated", "apps/active",     "apps/continual", "apps/backprop_free",
      "apps/rl",      "apps/finetune",  "apps/preference", "apps/testtime",  "apps/fields",
      "apps/control", "apps/ranking",   "apps/steering",   "apps/sweep",     "apps/diffusion",
      "apps/signals", "apps/decoding"};
  const auto kind_of = [&](const std::string& folder) {
    return ways.contains(folder) ? "ways of learning" : is_lab(folder) ? "labs" : "rooms";
  };
  for (const std::string kind : {"ways of learning", "labs", "rooms"})
    for (const std::string& folder : folders) {
      if (kind_of(folder) != kind) continue;
      std::string summary;
      const std::string readme = folder.empty() ? "README.md" : folder + "/README.md";
      if (sources.has(readme)) {
        const std::string first = sources.text(readme).substr(0, sources.text(readme).find('\n'));
        if (const size_t colon = first.find(": "); colon != std::string::npos)
          summary = first.substr(colon + 2);
      }
      const auto& order = orders[folder];
      std::string after = order.empty() ? "" : source_page(order[0]);
      if (const auto lab = folders.upper_bound(folder);
          kind == "labs" && lab != folders.end() && is_lab(*lab))
        after = room_page(*lab);
      BookPage page{.path = room_page(folder),
                    .title = folder.empty() ? "gradus" : folder,
                    .kind = kind,
                    .family = folder.empty() || kind != "rooms" ? "" : top_of(folder),
                    .summary = summary,
                    .body = {},
                    .next = after};
      book.page(page, [&](const BookPage& p) { return room_body(book, graph, folder, p.path); });
    }
  const std::vector<std::string>& files = sources.files();
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string& file = files[i];
    if (file.ends_with("README.md")) continue;
    std::string then;
    if (const auto found = next.find(file); found != next.end())
      then = source_page(found->second);
    else if (i + 1 < files.size() && folder_of(files[i + 1]) == folder_of(file))
      then = source_page(files[i + 1]);
    else
      then = room_page(folder_of(file));
    BookPage page{.path = source_page(file),
                  .title = file,
                  .kind = "sources",
                  .family = top_of(file),
                  .summary = first_comment_line(sources.text(file)),
                  .body = {},
                  .next = then,
                  .listed = false};
    book.page(page, [&](const BookPage& p) {
      return html::paragraph(html::text("In ") +
                             book.site.link(folder_of(file), p.path, room_page(folder_of(file)))) +
             code_view(sources.text(file));
    });
  }
}

}  // namespace gradus
