// Pages of models, layers and primitives.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "apps/book/book.h"
#include "apps/book/code_view.h"
#include "apps/book/equations.h"
#include "apps/train/task.h"
#include "autograd/registry.h"
#include "core/rng.h"
#include "nn/layer_table.h"
#include "nn/registry.h"

namespace gradus {
namespace {

Html model_body(const BookMaker& book, const ModelEntry& entry, const std::string& from) {
  const std::string source(entry.source);
  const auto model = make_model(entry.name, default_shape(entry), Rng(0));
  const LayerTable layers = layer_table(*model);
  html::Table table{.caption = fmt::format("on an example of shape {}: {} parameters, {} FLOPs",
                                           model->example(1).shape().str(), short_number(layers.parameters),
                                           short_number(layers.flops)),
                    .head = {html::cell("name"), html::cell("layer"), html::cell("output"),
                             html::number("parameters"), html::number("FLOPs")},
                    .rows = {}};
  for (const LayerRow& row : layers.rows)
    table.rows.push_back({html::row_head(html::code(row.name)), html::cell(row.layer),
                          html::cell(row.output.str()), html::number(fmt::format("{}", row.parameters)),
                          html::number(short_number(row.flops))});
  html::Table parameters{
      .caption = "", .head = {html::cell("parameter"), html::cell("kind"), html::cell("shape")}, .rows = {}};
  for (const ParameterPtr& p : model->parameters())
    parameters.rows.push_back({html::row_head(html::code(p->name)), html::cell(kind_name(p->kind)),
                               html::cell(p->value.shape().str())});
  const std::string code = book.site.sources().has(source) ? book.site.sources().text(source) : "";
  const std::vector<HeadLine> head = head_lines(opening_comment(code));
  Html left = equations_view(head, known_names(head, {}), code, "") + html::heading(2, "Layers", "layers") +
              html::table(table) + html::details("Parameters", html::table(parameters)) +
              html::heading(2, "Options", "options") + options_html(entry.options());
  Html right;
  // The header and what implements it.
  const std::string other = source.ends_with(".h") ? source.substr(0, source.size() - 1) + "cpp" : "";
  right += html::paragraph(book.site.source_link(source, from)) + code_view(code);
  if (book.site.sources().has(other)) {
    const std::string& text = book.site.sources().text(other);
    right += html::paragraph(book.site.source_link(other, from)) + code_part(text, 1, 1 << 30);
  }
  return beside(left, right);
}

// The lines first..last of a statement that holds the offset `at`: from the line above which a blank line or a statement
// ends, to the ";" that closes it.
std::pair<int, int> statement_lines(const std::string& text, size_t begin) {
  int depth = 0;
  size_t end = begin;
  const std::string bare = bare_code(text);
  for (; end < bare.size(); ++end) {
    const char c = bare[end];
    if (c == '(' || c == '{') ++depth;
    if (c == ')' || c == '}') --depth;
    if (c == ';' && depth == 0) break;
  }
  // comments above belong to it
  size_t first = begin;
  while (first > 1) {
    const size_t line = text.rfind('\n', first - 2) + 1;
    if (text.compare(line, 2, "//") != 0) break;
    first = line;
  }
  const auto line_of = [&](size_t offset) {
    return static_cast<int>(
               std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n')) +
           1;
  };
  return {line_of(first), line_of(std::min(end, text.size()))};
}

// What a factory's primitives have in common, in a line.
std::string derivation(const std::string& part) {
  if (part.find("unary<") != std::string::npos)
    return "y = f(x) element by element, so the Jacobian is diagonal: the vjp is g*f'(x), the jvp f'(x)*t, "
           "with the slope f' that stands beside f.";
  if (part.find("bilinear(") != std::string::npos)
    return "Linear in each input: the jvp puts the tangent in place of the input, the vjp is the adjoint of "
           "that map.";
  if (part.find("linear_map(") != std::string::npos)
    return "A linear map A is its own derivative: the jvp is A t, the vjp A' g, the adjoint.";
  if (part.find("binary") != std::string::npos)
    return "Element by element, with broadcasting: each input's slope times the cotangent, summed back to "
           "the input's shape.";
  if (part.find("comparison(") != std::string::npos || part.find("choice(") != std::string::npos)
    return "Piecewise: what is chosen passes its derivative on, what is compared has none.";
  if (part.find("forward_only(") != std::string::npos)
    return "Forward only: asking for a derivative is an error that says so.";
  return "The vjp gives J' g (reverse mode), the jvp J t (forward mode); both are written with "
         "differentiable operations, so every order follows.";
}

struct PrimitivePlace {
  std::string file;
  int first = 0, last = 0;
};

PrimitivePlace place_of(const Sources& sources, const std::string& name) {
  for (const std::string& file : sources.files()) {
    if (!file.starts_with("autograd/ops/") || !file.ends_with(".cpp")) continue;
    const std::string& text = sources.text(file);
    for (size_t at = text.find("\"" + name + "\""); at != std::string::npos;
         at = text.find("\"" + name + "\"", at + 1)) {
      const size_t begin = text.rfind("\nconst Primitive", at);
      if (begin == std::string::npos) continue;
      const auto [first, last] = statement_lines(text, begin + 1);
      const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n') + 1;
      if (line <= last) return {file, first, last};  // the definition, not a mention further down
    }
  }
  return {};
}

Html primitive_body(const BookMaker& book, const PrimitiveEntry& entry, const std::string& from) {
  const PrimitivePlace place = place_of(book.site.sources(), entry.primitive->name);
  if (place.file.empty()) return html::paragraph(html::text("Its definition was not found in the sources."));
  const std::string& text = book.site.sources().text(place.file);
  size_t begin = 0;
  for (int n = 1; n < place.first; ++n) begin = text.find('\n', begin) + 1;
  size_t end = begin;
  for (int n = place.first; n <= place.last && end != std::string::npos; ++n) end = text.find('\n', end + 1);
  const std::string part = text.substr(begin, end - begin);
  Html out = html::paragraph(Html::trusted(set_line(derivation(part), {"f", "g", "t", "A", "J"})));
  out += html::paragraph(book.site.source_link(place.file, from) +
                         html::soft(fmt::format(", lines {} to {}", place.first, place.last)));
  out += code_part(text, place.first, place.last);
  std::vector<std::pair<std::string, std::string>> rows = {
      {"family", entry.family},
      {"keeps for its vjp", entry.primitive->saves == kSaveNothing  ? "nothing"
                            : entry.primitive->saves == kSaveOutput ? "its output"
                                                                    : "inputs, or some of them"}};
  if (!entry.differentiable) rows.push_back({"derivatives", "none"});
  if (entry.primitive->composite)
    rows.push_back({"beyond the first order", "the composite of other primitives takes over"});
  if (entry.primitive->dual) rows.push_back({"forward mode", "value and tangent by one kernel"});
  return out + html::table_of(rows) +
         html::paragraph(html::soft("forward, vjp, jvp: see ") +
                         book.site.source_link("autograd/primitive.h", from));
}

// A class of a header in nn/layers with the comment above it.
struct LayerClass {
  std::string name, file, comment;
  int first = 0, last = 0;
};

std::vector<LayerClass> layer_classes(const Sources& sources) {
  std::vector<LayerClass> out;
  for (const std::string& file : sources.files()) {
    if (!file.starts_with("nn/layers/") || !file.ends_with(".h")) continue;
    const std::string& text = sources.text(file);
    for (size_t at = text.find("\nclass "); at != std::string::npos; at = text.find("\nclass ", at + 1)) {
      const size_t end = text.find_first_of(" ;{:", at + 7);
      const size_t open = text.find_first_of("{;", at + 7);
      if (open == std::string::npos || text[open] == ';') continue;
      if (text.substr(at, open - at).find(" : public ") == std::string::npos) continue;
      const auto [first, last] = statement_lines(text, at + 1);
      LayerClass layer{.name = text.substr(at + 7, end - at - 7),
                       .file = file,
                       .comment = "",
                       .first = first,
                       .last = last};
      std::vector<std::string> comment;
      for (size_t line_end = at; line_end != std::string::npos && line_end > 0;) {
        const size_t line = text.rfind('\n', line_end - 1) + 1;
        if (text.compare(line, 3, "///") != 0) break;
        comment.insert(comment.begin(), text.substr(line + 3, line_end - line - 3));
        line_end = line ? line - 1 : 0;
      }
      for (const std::string& line : comment) layer.comment += line.substr(line.starts_with(' ')) + "\n";
      out.push_back(std::move(layer));
    }
  }
  return out;
}

Html layer_body(const BookMaker& book, const LayerClass& layer, const std::string& from) {
  const Sources& sources = book.site.sources();
  Html out;
  std::string all = layer.comment;
  std::replace(all.begin(), all.end(), '\n', ' ');
  out += html::paragraph(Html::trusted(set_line(all, {})));
  out += html::heading(2, "Interface", "interface") +
         html::paragraph(book.site.source_link(layer.file, from)) +
         code_part(sources.text(layer.file), layer.first, layer.last);
  const std::string body = layer.file.substr(0, layer.file.size() - 1) + "cpp";
  if (sources.has(body)) {
    const std::string& text = sources.text(body);
    Html parts;
    for (size_t at = text.find(layer.name + "::"); at != std::string::npos;
         at = text.find(layer.name + "::", at + 1)) {
      const size_t line = text.rfind('\n', at) + 1;
      if (text[line] == ' ' || text.compare(line, 2, "//") == 0 ||
          (at > 0 && (std::isalnum(static_cast<unsigned char>(text[at - 1])) || text[at - 1] == '_')))
        continue;
      // to the closing brace at the left margin
      size_t end = text.find("\n}", line);
      const size_t stop = text.find('\n', line);
      if (text.substr(line, stop - line).ends_with("}")) end = line;  // a line of its own
      const auto line_of = [&](size_t offset) {
        return static_cast<int>(std::count(
                   text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size())),
                   '\n')) +
               1;
      };
      parts += code_part(text, line_of(line), end == line ? line_of(line) : line_of(end + 1));
    }
    if (!parts.empty())
      out += html::heading(2, "How it computes", "code") +
             html::paragraph(book.site.source_link(body, from)) + parts;
  }
  return out;
}

}  // namespace

void network_pages(BookMaker& book) {
  for (const ModelEntry& entry : models())
    book.page({.path = entry_page("model", entry.name),
               .title = entry.name,
               .kind = "models",
               .family = task_name(entry.task),
               .summary = entry.summary,
               .body = {},
               .next = ""},
              [&](const BookPage& page) { return model_body(book, entry, page.path); });
  for (const LayerClass& layer : layer_classes(book.site.sources())) {
    const std::string family = layer.file.substr(10, layer.file.size() - 12);
    const std::string first = layer.comment.substr(0, layer.comment.find('\n'));
    book.page({.path = entry_page("layer", layer.name),
               .title = layer.name,
               .kind = "layers",
               .family = family,
               .summary = first,
               .body = {},
               .next = ""},
              [&](const BookPage& page) { return layer_body(book, layer, page.path); });
  }
  for (const PrimitiveEntry& entry : primitives())
    book.page({.path = entry_page("primitive", entry.primitive->name),
               .title = entry.primitive->name,
               .kind = "primitives",
               .family = entry.family,
               .summary = "",
               .body = {},
               .next = ""},
              [&](const BookPage& page) { return primitive_body(book, entry, page.path); });
}

}  // namespace gradus
