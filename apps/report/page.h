// HTML pages of one file: no script, nothing loaded from outside, light and dark, readable from 400 pixels up and on paper.
//
//   Html body = html::heading(2, "Scores", "scores") + html::table({.head = {{"run"}, {"loss", .number = true}}, .rows = ...});
//   write_file(path, html::page("A run", body));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/image.h"

namespace gradus {

/// Markup. Only the functions below make it, so no text gets into a page unescaped.
class Html {
 public:
  Html() = default;
  /// Takes what is markup already.
  static Html trusted(std::string markup) {
    Html html;
    html.markup_ = std::move(markup);
    return html;
  }
  const std::string& str() const { return markup_; }
  bool empty() const { return markup_.empty(); }
  Html& operator+=(const Html& more) {
    markup_ += more.markup_;
    return *this;
  }
  friend Html operator+(Html a, const Html& b) { return a += b; }

 private:
  std::string markup_;
};

namespace html {

Html text(const std::string& text);
/// Grey.
Html soft(const std::string& text);
Html code(const std::string& text);
/// A link to https://..., http://..., a file or #anchor; other schemes are shown as text.
Html link(const std::string& text, const std::string& to);
Html paragraph(const Html& content);
/// A paragraph that stands out: what is missing, what went wrong.
Html note(const Html& content);
/// <h1> to <h3>; with an anchor, a link to itself.
Html heading(int level, const std::string& text, const std::string& anchor = "");
/// Text with its line breaks; `wrap`: long lines are broken, not scrolled.
Html preformatted(const std::string& text, bool wrap = false);
/// Closed until the reader opens it. On paper and for those who search it is part of the page.
Html details(const std::string& summary, const Html& content, bool open = false);
Html list(const std::vector<Html>& items);

struct Cell {
  Html content;
  bool number = false;               ///< to the right
  std::optional<double> shade = {};  ///< 0..1: how strongly the cell is coloured
  bool alarming = false;             ///< by another colour
  bool head = false;                 ///< names its row
  int span = 1;                      ///< columns
};
/// A cell of text, of a number as text.
Cell cell(const std::string& text);
Cell number(const std::string& text);
Cell row_head(const Html& content);

struct Table {
  std::string caption;
  std::vector<Cell> head;
  std::vector<std::vector<Cell>> rows;  ///< a row of one cell that spans all is the head of a group
  bool grid = false;                    ///< small cells with lines on all sides: matrices
};
/// Scrolls in itself where the screen is narrower.
Html table(const Table& table);
/// Names and values.
Html table_of(const std::vector<std::pair<std::string, std::string>>& rows, const std::string& caption = "");

/// Plots (svg() with standalone = false), as many beside each other as there is room for.
Html figures(const std::vector<std::string>& svgs, const std::string& caption = "");

/// Small images with a line or two of text below each.
struct Tile {
  Image image;
  std::string alternative;  ///< for those who do not see it
  Html text;
};
Html tiles(const std::vector<Tile>& tiles);

/// The whole document. `title` is its <h1> too.
std::string page(const std::string& title, const Html& body);

}  // namespace html

/// Bytes as base64 (RFC 4648).
std::string base64(std::string_view bytes);

}  // namespace gradus
