#include "apps/report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/report/markup.h"
#include "apps/report/style.h"

namespace gradus {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return i + k < bytes.size() ? std::uint32_t{static_cast<unsigned char>(bytes[i + k])} : 0u;
    };
    const std::uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? kDigits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

namespace html {
namespace {

Html element(const std::string& open, const Html& content, const char* close) {
  return Html::trusted("<" + open + ">" + content.str() + "</" + close + ">");
}

}  // namespace

Html text(const std::string& text) { return Html::trusted(escaped(text)); }
Html soft(const std::string& words) { return element("span class=\"soft\"", text(words), "span"); }
Html code(const std::string& words) { return element("code", text(words), "code"); }

Html link(const std::string& words, const std::string& to) {
  const auto colon = to.find(':');
  const bool scheme = colon != std::string::npos && to.find_first_of("/#?") > colon;
  if (scheme && !to.starts_with("https://") && !to.starts_with("http://")) return text(words);
  return element("a href=\"" + escaped(to) + "\"", text(words), "a");
}

Html paragraph(const Html& content) { return element("p", content, "p") + Html::trusted("\n"); }
Html note(const Html& content) { return element("p class=\"note\"", content, "p") + Html::trusted("\n"); }

Html heading(int level, const std::string& words, const std::string& anchor) {
  const std::string h = fmt::format("h{}", std::clamp(level, 1, 3));
  if (anchor.empty()) return element(h, text(words), h.c_str()) + Html::trusted("\n");
  const std::string id = anchor_name(anchor);
  return element(fmt::format("{} id=\"{}\"", h, id), link(words, "#" + id), h.c_str()) + Html::trusted("\n");
}

Html preformatted(const std::string& words, bool wrap) {
  return element(wrap ? "pre class=\"wrap\"" : "pre tabindex=\"0\"", code(words), "pre") +
         Html::trusted("\n");
}

Html details(const std::string& summary, const Html& content, bool open) {
  return element(open ? "details open=\"\"" : "details",
                 element("summary", text(summary), "summary") + content, "details") +
         Html::trusted("\n");
}

Html list(const std::vector<Html>& items) {
  Html all;
  for (const Html& item : items) all += element("li", item, "li");
  return element("ul", all, "ul") + Html::trusted("\n");
}

Cell cell(const std::string& words) { return {.content = text(words)}; }
Cell number(const std::string& words) { return {.content = text(words), .number = true}; }
Cell row_head(const Html& content) { return {.content = content, .head = true}; }

namespace {

Html table_cell(const Cell& c, const char* scope) {
  const char* name = c.head || *scope ? "th" : "td";
  std::string open = name, classes;
  if (c.number) classes = "n";
  if (c.shade) classes += classes.empty() ? "shade" : " shade";
  if (!classes.empty()) open += " class=\"" + classes + "\"";
  if (c.head || *scope) open += fmt::format(" scope=\"{}\"", *scope ? scope : "row");
  if (c.span > 1) open += fmt::format(" colspan=\"{}\"", c.span);
  if (c.shade)
    open += fmt::format(" style=\"--s:{:.0f}{}\"", 75 * std::clamp(*c.shade, 0.0, 1.0),
                        c.alarming ? ";--tone:var(--c1)" : "");
  return element(open, c.content, name);
}

}  // namespace

Html table(const Table& t) {
  Html content;
  if (!t.caption.empty()) content += element("caption", text(t.caption), "caption");
  if (!t.head.empty()) {
    Html row;
    for (const Cell& c : t.head) row += table_cell(c, "col");
    content += element("thead", element("tr", row, "tr"), "thead");
  }
  Html body;
  for (const auto& cells : t.rows) {
    Html row;
    const bool group = cells.size() == 1 && cells[0].span > 1;
    for (const Cell& c : cells) row += table_cell(c, group ? "colgroup" : "");
    body += element(group ? "tr class=\"group\"" : "tr", row, "tr") + Html::trusted("\n");
  }
  content += element("tbody", body, "tbody");
  const std::string label = t.caption.empty() ? "table" : t.caption;
  return element(fmt::format("div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"",
                             escaped(label)),
                 element(t.grid ? "table class=\"grid-table\"" : "table", content, "table"), "div") +
         Html::trusted("\n");
}

Html table_of(const std::vector<std::pair<std::string, std::string>>& rows, const std::string& caption) {
  Table t{.caption = caption};
  for (const auto& [name, value] : rows) t.rows.push_back({row_head(text(name)), cell(value)});
  return table(t);
}

Html figures(const std::vector<std::string>& svgs, const std::string& caption) {
  Html all;
  for (const std::string& svg : svgs) all += element("figure", Html::trusted(svg), "figure");
  Html out = element("div class=\"figures\"", all, "div") + Html::trusted("\n");
  if (!caption.empty()) out += paragraph(soft(caption));
  return out;
}

Html tiles(const std::vector<Tile>& tiles) {
  Html all;
  for (const Tile& t : tiles)
    all += element("li",
                   Html::trusted(fmt::format(
                       "<img alt=\"{}\" width=\"{}\" height=\"{}\" src=\"data:image/png;base64,{}\" />",
                       escaped(t.alternative), t.image.width, t.image.height,
                       base64(encode_png(t.image, t.alternative)))) +
                       t.text,
                   "li");
  return element("ul class=\"tiles\"", all, "ul") + Html::trusted("\n");
}

std::string page(const std::string& title, const Html& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
         "<meta name=\"color-scheme\" content=\"light dark\" />\n"
         // Browsers would ask the server for an icon.
         "<link rel=\"icon\" href=\"data:,\" />\n<title>" +
         escaped(title) + "</title>\n<style>\n" + plot_style() + page_style() +
         "</style>\n</head>\n<body>\n<main>\n" + heading(1, title).str() + body.str() +
         "</main>\n</body>\n</html>\n";
}

}  // namespace html
}  // namespace gradus
