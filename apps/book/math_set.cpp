#include "apps/book/math_set.h"

#include <algorithm>
#include <cctype>

#include "apps/report/markup.h"

namespace gradus {
namespace {

using MathTokens = std::vector<MathToken>;

std::string tag(const char* name, const std::string& content) {
  return "<" + std::string(name) + ">" + content + "</" + name + ">";
}
std::string row_of(const std::string& content) { return tag("mrow", content); }
std::string sign_of(const std::string& op) { return tag("mo", escaped(op)); }
const std::string kThin = "<mspace width=\"0.17em\"></mspace>";

// A piece of a formula.
struct Piece {
  std::string ml;         // markup
  std::string bare = {};  // of a group: without its parentheses
  bool wide = false;      // a name of several letters, a number, a function: products with it need a dot
  bool prose = false;     // text outside of formulas
  bool glue = false;      // nothing between it and the next factor
  bool valid = true;
  std::string stripped() const { return bare.empty() ? ml : bare; }
};

std::string number_mathml(const std::string& text) {
  const size_t e = text.find('e');
  if (e == std::string::npos) return tag("mn", text);
  const std::string head = text.substr(0, e), power = text.substr(e + 1);
  const std::string exponent =
      power.starts_with('-') ? row_of(sign_of("−") + tag("mn", power.substr(1))) : tag("mn", power);
  const std::string ten = tag("msup", tag("mn", "10") + exponent);
  return head == "1" ? ten : row_of(tag("mn", head) + sign_of("⋅") + ten);
}

bool is_letter_name(std::string_view base) { return base.size() == 1 || !greek_letter(base).empty(); }

class LineSetter {
 public:
  explicit LineSetter(const MathTokens& tokens) : t_(tokens) {}

  std::string html() {
    std::vector<Piece> pieces = row(true);
    std::string out, formula;
    const auto flush = [&] {
      if (!formula.empty()) out += "<math displaystyle=\"true\">" + row_of(formula) + "</math>";
      formula.clear();
    };
    for (const Piece& p : pieces) {
      if (p.prose) {
        flush();
        out += p.ml;
      } else {
        formula += p.ml;
      }
    }
    flush();
    return out;
  }

 private:
  bool end() const { return i_ >= t_.size(); }
  bool op(std::string_view text) const {
    return !end() && t_[i_].kind == MathToken::kOp && t_[i_].text == text;
  }
  bool op_at(size_t at, std::string_view text) const {
    return at < t_.size() && t_[at].kind == MathToken::kOp && t_[at].text == text;
  }
  bool closer() const { return op(")") || op("]") || op("}"); }

  // Whether "<" at i_ opens an inner product: <a,b>, with a comma and a ">" that closes it before anything ends.
  size_t inner_product_end() const {
    if (!op("<") || i_ + 1 >= t_.size() || t_[i_ + 1].space > 0) return 0;
    int depth = 0;
    bool comma = false;
    for (size_t j = i_ + 1; j < t_.size(); ++j) {
      if (t_[j].kind != MathToken::kOp) continue;
      const std::string& s = t_[j].text;
      if (s == "(" || s == "[") ++depth;
      if (s == ")" || s == "]") --depth;
      if (depth < 0 || s == ";" || s == "=" || s == "<-") return 0;
      if (depth == 0 && s == ",") comma = true;
      if (depth == 0 && s == ">" && t_[j].space == 0) return comma ? j : 0;
    }
    return 0;
  }

  // Formulas, prose and separators up to a closing bracket or the end. `top`: prose is outside of formulas.
  std::vector<Piece> row(bool top, size_t until = 0) {
    std::vector<Piece> out;
    while (!end() && !(until && i_ >= until)) {
      const MathToken& token = t_[i_];
      if (!top && (closer() || (bars_ > 0 && (op("|") || op("||"))))) break;
      if (token.kind == MathToken::kWord) {
        out.push_back(prose(top, out.empty()));
        continue;
      }
      if (top && token.space >= 3 && !out.empty())
        out.push_back({.ml = "<span class=\"gap\"></span>", .prose = true});
      const size_t before = i_;
      if (Piece p = expression(); p.valid) {
        out.push_back(std::move(p));
        continue;
      }
      i_ = before;
      out.push_back(separator(top));
      ++i_;
    }
    return out;
  }

  std::string joined_row(size_t until = 0) {
    std::string all;
    for (const Piece& p : row(false, until)) all += p.ml;
    return all;
  }

  Piece prose(bool top, bool first) {
    std::string words;
    bool gap = false;
    for (bool start = true; !end() && t_[i_].kind == MathToken::kWord; ++i_, start = false) {
      if (start && t_[i_].space >= 3 && !first) gap = true;
      if (!start && t_[i_].space >= 3) break;
      if (t_[i_].space > 0 && !(start && first)) words += ' ';
      words += t_[i_].text;
    }
    const bool space_after = !end() && t_[i_].space > 0 && t_[i_].space < 3;
    std::erase(words, '`');
    std::string text = escaped(words);
    if (top)
      return {.ml = (gap ? "<span class=\"gap\"></span>" : "") + text + (space_after ? " " : ""),
              .prose = true};
    return {.ml = tag("mtext", (words.starts_with(' ') ? "\u00a0" : "") +
                                   escaped(words.substr(words.starts_with(' '))) +
                                   (space_after ? "\u00a0" : ""))};
  }

  // A sign that no expression begins with: relations, commas, and what heads write otherwise.
  Piece separator(bool top) {
    const std::string& s = t_[i_].text;
    const bool word_before = i_ > 0 && t_[i_ - 1].kind == MathToken::kWord;
    const bool punctuation =
        s == "," || s == ";" || s == ":" || s == "." || s == "?" || s == "!" || s == "'" || s == "\"";
    if (top && (punctuation || s == "(" || s == ")" || (s == "/" && word_before))) {
      const bool space = i_ + 1 < t_.size() && t_[i_ + 1].kind != MathToken::kWord && t_[i_ + 1].space > 0 &&
                         t_[i_ + 1].space < 3;
      return {.ml = std::string(t_[i_].space > 0 && s == "(" ? " " : "") + escaped(s) + (space ? " " : ""),
              .prose = true};
    }
    static const std::vector<std::pair<std::string, std::string>> kSigns = {
        {"<-", "←"}, {"<=", "≤"},  {">=", "≥"}, {"!=", "≠"}, {"->", "→"}, {"==", "="}, {"%", "mod"},
        {"*", "⋅"},  {"...", "…"}, {"-", "−"},  {"+-", "±"}, {"^", "ˆ"},  {"_", " "}};
    for (const auto& [from, to] : kSigns)
      if (s == from) return {.ml = sign_of(to)};
    if (s == ",") return {.ml = sign_of(",") + kThin};
    return {.ml = sign_of(s)};
  }

  // a + b - c; not valid where nothing here begins an expression.
  Piece expression() {
    Piece sum = term();
    if (!sum.valid) return sum;
    bool several = false;
    while (op("+") || op("-") || op("+-")) {
      const size_t before = i_;
      const std::string s = t_[i_].text == "-" ? "−" : t_[i_].text == "+-" ? "±" : "+";
      ++i_;
      Piece next = term();
      if (!next.valid) {  // prose follows: the sign belongs to the formula all the same
        i_ = before + 1;
        sum.ml += sign_of(s);
        return {.ml = sum.ml};
      }
      sum.ml += sign_of(s) + next.ml;
      several = true;
    }
    if (several) sum.bare.clear();
    return sum;
  }

  static std::string product(const std::vector<Piece>& factors) {
    if (factors.size() == 1) return factors[0].ml;
    std::string all;
    for (size_t k = 0; k < factors.size(); ++k) {
      if (k && !factors[k - 1].glue) all += factors[k].wide || factors[k - 1].wide ? sign_of("⋅") : kThin;
      all += factors[k].ml;
    }
    return all;
  }

  bool starts_factor() const {
    if (end()) return false;
    if (t_[i_].kind == MathToken::kName) return t_[i_].space <= 1;
    if (op("(")) return t_[i_].space == 1 && i_ > 0 && t_[i_ - 1].kind != MathToken::kWord && follows_matrix_;
    if (op("||") || op("|"))
      return bars_ == 0 && t_[i_].space <= 1 && i_ > 0 && t_[i_ - 1].kind == MathToken::kName &&
             is_math_function(t_[i_ - 1].text);
    return op("<") && t_[i_].space <= 1 && i_ > 0 && is_math_function(t_[i_ - 1].text) &&
           inner_product_end() > 0;
  }

  // Products and quotients. A quotient's numerator is what stands in front of it back to a "*" with blanks around.
  Piece term() {
    if (op("-") || op("+-")) {
      const std::string s = op("-") ? "−" : "±";
      const size_t before = i_++;
      Piece p = term();
      if (!p.valid) {
        i_ = before;
        return p;
      }
      return {.ml = sign_of(s) + p.ml, .wide = p.wide};
    }
    std::vector<Piece> done, now;
    Piece first = power();
    if (!first.valid) return first;
    now.push_back(std::move(first));
    while (!end()) {
      const size_t before = i_;
      if (op("*") || op("/")) {
        const bool over = op("/"), spaced = t_[i_].space > 0;
        ++i_;
        Piece next = op("-") ? term() : power();
        if (!next.valid) {
          i_ = before;
          break;
        }
        if (over) {
          const std::string above = now.size() == 1 ? now[0].stripped() : product(now);
          now = {{.ml = tag("mfrac", row_of(above) + row_of(next.stripped()))}};
          continue;
        }
        if (spaced) {
          done.insert(done.end(), now.begin(), now.end());
          now.clear();
        }
        now.push_back(std::move(next));
        continue;
      }
      if (!starts_factor()) break;
      Piece next = power();
      if (!next.valid) {
        i_ = before;
        break;
      }
      now.push_back(std::move(next));
    }
    done.insert(done.end(), now.begin(), now.end());
    if (done.size() == 1) return done[0];
    return {.ml = product(done), .wide = done.back().wide};
  }

  Piece power() {
    Piece base = primary();
    if (!base.valid) return base;
    while (!end()) {
      if (op("'") && t_[i_].space == 0) {
        std::string primes;
        for (; op("'") && t_[i_].space == 0; ++i_) primes += "′";
        base = {.ml = tag("msup", row_of(base.ml) + sign_of(primes)), .wide = base.wide};
      } else if (op("_") && t_[i_].space == 0 && i_ + 1 < t_.size()) {
        ++i_;
        Piece index = primary();
        if (!index.valid) return base;
        base = {.ml = tag("msub", row_of(base.ml) + row_of(index.stripped())), .wide = base.wide};
      } else if (op("[") && t_[i_].space == 0) {
        Piece index = primary();
        base = {.ml = tag("msub", row_of(base.ml) + row_of(index.stripped())), .wide = base.wide};
      } else if (op("^")) {
        ++i_;
        std::string sign;
        if (op("-")) sign = sign_of("−"), ++i_;
        Piece exponent = primary();
        if (!exponent.valid) return base;
        // t^-1/2 in heads is t to the power -1/2 only with parentheses; a bare one ends at the name.
        base = {.ml = tag("msup", row_of(base.ml) + row_of(sign + exponent.stripped())), .wide = base.wide};
      } else {
        break;
      }
    }
    return base;
  }

  Piece group() {
    const std::string open = t_[i_].text;
    // a bracket that nothing closes on this line stays a sign
    int depth = 0;
    size_t close = 0;
    for (size_t j = i_; j < t_.size(); ++j) {
      if (op_at(j, "(") || op_at(j, "[") || op_at(j, "{")) ++depth;
      if ((op_at(j, ")") || op_at(j, "]") || op_at(j, "}")) && --depth == 0) {
        close = j;
        break;
      }
    }
    if (!close) return {.ml = "", .valid = false};
    ++i_;
    const int bars = bars_;
    bars_ = 0;
    std::string content;
    while (i_ < close) {
      content += joined_row(close);
      if (i_ < close) content += sign_of(t_[i_].text), ++i_;
    }
    bars_ = bars;
    const std::string end_sign = t_[i_++].text;
    return {.ml = row_of(sign_of(open) + content + sign_of(end_sign)), .bare = row_of(content)};
  }

  // In a line of prose a bracket around prose is a bracket of the text.
  bool prose_group() const {
    int depth = 0;
    bool word = false, tight = i_ > 0 && t_[i_].space == 0 && t_[i_ - 1].kind != MathToken::kWord;
    for (size_t j = i_; j < t_.size(); ++j) {
      if (op_at(j, "(")) ++depth;
      if (op_at(j, ")") && --depth == 0) break;
      if (t_[j].kind == MathToken::kWord) word = true;
    }
    const bool after_sign = i_ > 0 && t_[i_ - 1].kind == MathToken::kOp && t_[i_ - 1].text != "," &&
                            t_[i_ - 1].text != ";" && t_[i_ - 1].text != ")" && t_[i_ - 1].text != ":";
    return word && !tight && !after_sign;
  }

  Piece primary() {
    if (end()) return {.ml = "", .valid = false};
    const MathToken& token = t_[i_];
    if (token.kind == MathToken::kWord) return {.ml = "", .valid = false};
    if (token.kind == MathToken::kNumber) {
      ++i_;
      return {.ml = number_mathml(token.text), .wide = true};
    }
    if (token.kind == MathToken::kName) return name();
    if (token.text == "(" || token.text == "[" || token.text == "{") {
      if (token.text == "(" && prose_group()) return {.ml = "", .valid = false};
      return group();
    }
    if (token.text == "||" || token.text == "|") return norm(token.text);
    if (token.text == "<")
      if (const size_t close = inner_product_end()) {
        ++i_;
        std::string inside;
        while (i_ < close) {
          const size_t before = i_;
          inside += joined_row(close);
          if (i_ == before) inside += sign_of(t_[i_].text), ++i_;
        }
        ++i_;
        return {.ml = row_of(sign_of("⟨") + inside + sign_of("⟩"))};
      }
    if (token.text == "...") {
      ++i_;
      return {.ml = sign_of("…")};
    }
    if (token.text == "." && i_ > 0 && (op_at(i_ - 1, "<") || op_at(i_ + 1, ">"))) {
      ++i_;
      return {.ml = sign_of("⋅")};
    }
    return {.ml = "", .valid = false};
  }

  Piece norm(const std::string& bar) {
    size_t close = 0;
    for (size_t j = i_ + 1, depth = 0; j < t_.size(); ++j) {
      if (op_at(j, "(")) ++depth;
      if (op_at(j, ")") && depth-- == 0) break;
      if (depth == 0 && op_at(j, bar)) {
        close = j;
        break;
      }
    }
    if (!close) return {.ml = "", .valid = false};
    const std::string sign = bar == "||" ? "‖" : "|";
    ++i_;
    std::string inside;
    ++bars_;
    while (i_ < close) {
      const size_t before = i_;
      inside += joined_row(close);
      if (i_ == before) inside += sign_of(t_[i_].text), ++i_;
    }
    --bars_;
    ++i_;
    return {.ml = row_of(sign_of(sign) + inside + sign_of(sign))};
  }

  Piece name() {
    const std::string text = t_[i_].text;
    ++i_;
    const bool call = op("(") && t_[i_].space == 0;
    if (text == "sqrt" && call) {
      if (Piece inside = group(); inside.valid) return {.ml = tag("msqrt", inside.stripped())};
      return {.ml = sign_of("√")};
    }
    if (text == "grad") {
      return {.ml = sign_of("∇"), .glue = true};
    }
    if (text == "mod") return {.ml = sign_of("mod")};
    if (text == "sum" || text == "prod") {
      std::string big = sign_of(text == "sum" ? "∑" : "∏");
      // "sum over i of": the index below the sign
      if (i_ + 2 < t_.size() && t_[i_].text == "over" && t_[i_ + 1].kind == MathToken::kName &&
          t_[i_ + 2].text == "of") {
        big = tag("munder", big + symbol_mathml(t_[i_ + 1].text));
        i_ += 3;
      }
      if (call)
        if (Piece inside = group(); inside.valid) return {.ml = big + inside.ml};
      return {.ml = big};
    }
    if (call) {
      const std::string head = is_math_function(text) ? tag("mi", text) : symbol_mathml(text);
      if (Piece inside = group(); inside.valid) {
        if (text == "abs") return {.ml = row_of(sign_of("|") + inside.stripped() + sign_of("|"))};
        return {.ml = row_of(head + "<mo>\u2061</mo>" + inside.ml), .wide = text.size() > 1};
      }
      return {.ml = head, .wide = true};
    }
    follows_matrix_ = text.size() == 1 && std::isupper(static_cast<unsigned char>(text[0]));
    const bool function = is_math_function(text);
    return {.ml = function ? tag("mi", text) + kThin : symbol_mathml(text),
            .wide = !function && text.size() > 1 && greek_letter(text).empty() &&
                    symbol_mathml(text).starts_with("<mi>")};
  }

  const MathTokens& t_;
  size_t i_ = 0;
  int bars_ = 0;                 // open | and ||
  bool follows_matrix_ = false;  // "A (A A')": a product
};

// "a if p, b if q, else c" behind "x = ": the branches; empty where it is none.
std::vector<std::string> branches(std::string_view line, size_t& at) {
  const size_t equals = line.find(" = ");
  if (equals == std::string_view::npos) return {};
  at = equals + 3;
  const std::string_view rest = line.substr(at);
  if (rest.find(" if ") == std::string_view::npos || rest.find(", else ") == std::string_view::npos)
    return {};
  if (rest.find(';') != std::string_view::npos || rest.find("   ") != std::string_view::npos) return {};
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '(') ++depth;
    if (rest[i] == ')') --depth;
    if (rest[i] == ',' && depth == 0) {
      if (part.find(" if ") == std::string::npos) return {};
      parts.push_back(part);
      part.clear();
      while (i + 1 < rest.size() && rest[i + 1] == ' ') ++i;
      continue;
    }
    part += rest[i];
  }
  if (!part.starts_with("else ")) return {};
  parts.push_back(part);
  return parts;
}

// Formulas of a line as one row of MathML: prose becomes mtext.
std::string inside_math(std::string_view text, const KnownNames& known) {
  std::string set = set_line(text, known), out;
  for (size_t at = 0; at < set.size();) {
    const size_t open = set.find("<math", at);
    const std::string words = set.substr(at, (open == std::string::npos ? set.size() : open) - at);
    if (!words.empty()) out += tag("mtext", words);
    if (open == std::string::npos) break;
    const size_t close = set.find("</math>", open);
    const size_t inside = set.find('>', open) + 1;
    out += set.substr(inside, close - inside);
    at = close + 7;
  }
  return out;
}

}  // namespace

std::string symbol_mathml(std::string_view name) {
  std::string_view base = name;
  std::string below;
  if (const size_t bar = base.find('_'); bar != std::string_view::npos && bar > 0) {
    below = base.substr(bar + 1);
    base = base.substr(0, bar);
  }
  size_t digits = base.size();
  while (digits > 0 && std::isdigit(static_cast<unsigned char>(base[digits - 1]))) --digits;
  std::string number(base.substr(digits));
  base = base.substr(0, digits);
  std::string accent;
  for (const auto& [ending, sign] : {std::pair("hat", "^"), std::pair("bar", "¯"), std::pair("tilde", "~")})
    if (base.ends_with(ending) &&
        is_letter_name(base.substr(0, base.size() - std::string_view(ending).size()))) {
      accent = sign;
      base = base.substr(0, base.size() - std::string_view(ending).size());
      break;
    }
  if (!is_letter_name(base)) return tag("mi", escaped(name));
  const std::string greek = greek_letter(base);
  std::string out = tag("mi", greek.empty() ? std::string(base) : greek);
  if (!accent.empty()) out = "<mover accent=\"true\">" + out + sign_of(accent) + "</mover>";
  std::string index;
  if (!number.empty()) index += tag("mn", number);
  if (!below.empty()) {
    if (!index.empty()) index += sign_of(",");
    index += std::all_of(below.begin(), below.end(),
                         [](char c) { return std::isdigit(static_cast<unsigned char>(c)); })
                 ? tag("mn", below)
             : !greek_letter(below).empty() ? tag("mi", greek_letter(below))
                                            : tag("mi", escaped(below));
  }
  return index.empty() ? out : tag("msub", out + row_of(index));
}

std::string set_line(std::string_view line, const KnownNames& known) {
  size_t at = 0;
  if (const std::vector<std::string> parts = branches(line, at); parts.size() > 1) {
    std::string rows;
    for (const std::string& part : parts) {
      const bool rest = part.starts_with("else ");
      const size_t cut = part.rfind(" if ");
      const std::string value = rest ? part.substr(5) : part.substr(0, cut);
      const std::string when =
          rest ? tag("mtext", "else") : tag("mtext", "if\u00a0") + inside_math(part.substr(cut + 4), known);
      rows += tag("mtr", tag("mtd", inside_math(value, known)) + tag("mtd", when));
    }
    return "<math displaystyle=\"true\">" +
           row_of(inside_math(line.substr(0, at - 3), known) + sign_of("=") + sign_of("{") +
                  tag("mtable", rows)) +
           "</math>";
  }
  const std::vector<MathToken> tokens = math_tokens(line, known);
  return LineSetter(tokens).html();
}

std::vector<std::string> symbols_of(std::string_view line, const KnownNames& known) {
  std::vector<std::string> out;
  const std::vector<MathToken> tokens = math_tokens(line, known);
  for (size_t i = 0; i < tokens.size(); ++i) {
    const MathToken& t = tokens[i];
    if (t.kind != MathToken::kName || is_math_function(t.text) || t.text == "inf" || t.text == "pi") continue;
    if (i > 0 && tokens[i - 1].text == "_") continue;  // the index of a norm: ||x||_F
    if (std::find(out.begin(), out.end(), t.text) == out.end()) out.push_back(t.text);
  }
  return out;
}

}  // namespace gradus
