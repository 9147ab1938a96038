#include "apps/book/math_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace gradus {
namespace {

bool letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool name_char(char c) { return letter(c) || digit(c) || c == '_'; }

constexpr std::array<std::pair<std::string_view, std::string_view>, 40> kGreek = {
    {{"alpha", "α"},  {"beta", "β"},    {"betas", "β"}, {"gamma", "γ"},   {"gam", "γ"},   {"delta", "δ"},
     {"eps", "ε"},    {"epsilon", "ε"}, {"zeta", "ζ"},  {"eta", "η"},     {"theta", "θ"}, {"kappa", "κ"},
     {"lambda", "λ"}, {"lambd", "λ"},   {"lam", "λ"},   {"lamb", "λ"},    {"lmbda", "λ"}, {"mu", "μ"},
     {"nu", "ν"},     {"xi", "ξ"},      {"pi", "π"},    {"rho", "ρ"},     {"sigma", "σ"}, {"tau", "τ"},
     {"phi", "φ"},    {"chi", "χ"},     {"psi", "ψ"},   {"omega", "ω"},   {"Gamma", "Γ"}, {"Delta", "Δ"},
     {"Theta", "Θ"},  {"Lambda", "Λ"},  {"Lam", "Λ"},   {"Sigma", "Σ"},   {"Phi", "Φ"},   {"Psi", "Ψ"},
     {"Omega", "Ω"},  {"Pi", "Π"},      {"inf", "∞"},   {"infinity", "∞"}}};

// Words of prose that heads also use as the names of variables: symbols only beside an operator.
const KnownNames kEnglish = {
    "step",   "move",    "slow",   "lower",  "upper", "rate",   "scale", "mask",  "ratio",    "buffer",
    "key",    "mean",    "loss",   "start",  "count", "rank",   "top",   "norm",  "value",    "size",
    "first",  "last",    "noise",  "diff",   "part",  "unit",   "draw",  "mode",  "sign",     "back",
    "update", "average", "factor", "moment", "model", "window", "steps", "every", "momentum", "matrix",
    "belief", "accept",  "of",     "if",     "or",    "else",   "in",    "for",   "the",      "as",
    "at",     "where",   "with",   "then",   "and",   "on",     "by",    "from",  "to",       "per",
    "all",    "is",      "no",     "its",    "it",    "old",    "new",   "mem",   "hat",      "trust",
    "global", "local",   "clip",   "ready",  "layer", "group"};

bool relation_or_sum(std::string_view op) {
  return op == "=" || op == "<-" || op == "+" || op == "<=" || op == ">=" || op == ">" || op == "==" ||
         op == "%" || op == "+=" || op == "-=" || op == "/=" || op == "*=";
}
bool binds(std::string_view op) { return op == "*" || op == "/" || op == "^"; }

bool prose_word(const std::string& w) {
  return w.size() > 1 && std::all_of(w.begin(), w.end(), letter) && greek_letter(w).empty();
}

// Characters of ".py", ".cpp" and the like that `s` begins with; 0: none.
size_t file_ending(std::string_view s) {
  for (const std::string_view ending : {".py", ".cpp", ".h", ".md", ".json", ".csv", ".cu", ".txt"})
    if (s.starts_with(ending) && (s.size() == ending.size() || !name_char(s[ending.size()])))
      return ending.size();
  return 0;
}

// The raw tokens: every word is a kName.
std::vector<MathToken> split(std::string_view s) {
  std::vector<MathToken> out;
  int space = 0;
  for (size_t i = 0; i < s.size();) {
    const auto take = [&](MathToken::Kind kind, size_t n) {
      out.push_back({kind, std::string(s.substr(i, n)), space});
      space = 0;
      i += n;
    };
    size_t n = 0;
    if (s[i] == ' ') {
      ++space, ++i;
    } else if (digit(s[i]) || (s[i] == '.' && i + 1 < s.size() && digit(s[i + 1]))) {
      while (i + n < s.size() &&
             (digit(s[i + n]) || (s[i + n] == '.' && i + n + 1 < s.size() && digit(s[i + n + 1]))))
        ++n;
      size_t e = i + n;
      if (e < s.size() && s[e] == 'e') {
        ++e;
        if (e < s.size() && s[e] == '-') ++e;
        if (e < s.size() && digit(s[e])) {
          while (e < s.size() && digit(s[e])) ++e;
          n = e - i;
        }
      }
      // "1-D", "2nd" are prose
      if (i + n < s.size() && letter(s[i + n])) {
        while (i + n < s.size() && name_char(s[i + n])) ++n;
        take(MathToken::kWord, n);
      } else {
        take(MathToken::kNumber, n);
      }
    } else if (letter(s[i])) {
      while (i + n < s.size() && name_char(s[i + n])) ++n;
      size_t path = n;  // "adam.py", "optim/rule.h" are prose
      while (i + path < s.size() && (name_char(s[i + path]) || s[i + path] == '/')) ++path;
      const size_t ending = file_ending(s.substr(i + path));
      if (ending) n = path + ending;
      take(ending ? MathToken::kWord : MathToken::kName, n);
      // 's of prose: "the code's", "beta3's:", "adam.py's"
      if (s.substr(i).starts_with("'s") && (i + 2 == s.size() || !name_char(s[i + 2]))) {
        if (out.back().kind == MathToken::kWord || prose_word(out.back().text)) {
          out.back().text += "'s";
          out.back().kind = MathToken::kWord;
          i += 2;
        } else {
          take(MathToken::kWord, 2);
        }
      }
    } else if (s[i] == '`') {
      const size_t end = s.find('`', i + 1);
      take(MathToken::kWord, end == std::string_view::npos ? s.size() - i : end + 1 - i);
    } else if (s[i] == '"') {
      const size_t end = s.find('"', i + 1);
      take(MathToken::kWord, end == std::string_view::npos ? s.size() - i : end + 1 - i);
    } else if (static_cast<unsigned char>(s[i]) >= 0x80) {
      while (i + n < s.size() && static_cast<unsigned char>(s[i + n]) >= 0x80) ++n;
      take(MathToken::kWord, n);
    } else {
      n = 1;
      for (const std::string_view op :
           {"...", "<-", "<=", ">=", "==", "!=", "->", "+=", "-=", "*=", "/=", "+-", "||"})
        if (s.substr(i).starts_with(op)) {
          n = op.size();
          break;
        }
      // "<-1" does not occur, but "a<-b" would read as an arrow as well; heads write "< -b".
      take(MathToken::kOp, n);
    }
  }
  return out;
}

}  // namespace

std::string greek_letter(std::string_view name) {
  for (const auto& [word, sign] : kGreek)
    if (word == name) return std::string(sign);
  return "";
}

bool is_math_function(std::string_view name) {
  static const KnownNames kFunctions = {
      "sqrt",   "max",    "min",   "exp",  "log",    "sign", "cos",    "sin",   "tan",  "sum",  "mean",
      "clip",   "clamp",  "floor", "ceil", "median", "grad", "rms",    "RMS",   "norm", "tanh", "abs",
      "argmax", "argmin", "diag",  "erfi", "mod",    "log2", "arctan", "prod",  "atan", "asin", "pow",
      "svd",    "ln",     "cbrt",  "triu", "round",  "std",  "var",    "trace", "tr",   "rank"};
  return kFunctions.contains(name);
}

KnownNames defined_names(const std::vector<std::string>& lines) {
  KnownNames names;
  for (const std::string& line : lines) {
    const std::vector<MathToken> t = split(line);
    for (size_t i = 0; i < t.size(); ++i) {
      if (t[i].kind != MathToken::kName) continue;
      size_t next = i + 1;
      while (next < t.size() && t[next].text == "'") ++next;
      if (next >= t.size()) continue;
      const bool letters = t[i].text.size() <= 2 || t[i].text.find('_') == 1;
      const bool opens = i == 0 || t[i].space >= 2 || t[i - 1].text == "," || t[i - 1].text == ";" ||
                         t[i - 1].text == ":" || t[i - 1].text == "pair";
      // "Z normal", "J the Jacobian": prose says what it is
      if (letters && opens && t[next].kind == MathToken::kName && prose_word(t[next].text) &&
          t[next].text != "if" && t[next].text != "or") {
        names.insert(t[i].text);
        continue;
      }
      if (t[next].kind != MathToken::kOp) continue;
      // "P(x) = ...", "NS(X): ...", "B (m,r)": functions and shapes
      if (t[next].text == "(") {
        size_t close = next + 1;
        while (close < t.size() && t[close].text != ")" && t[close].text != "(") ++close;
        const bool shape = close == next + 4 && t[next + 2].text == "," && t[next + 1].text.size() == 1 &&
                           t[next + 3].text.size() == 1;
        if (shape) names.insert({t[i].text, t[next + 1].text, t[next + 3].text});
        if (close + 1 < t.size() && (t[close + 1].text == "=" || t[close + 1].text == ":"))
          names.insert(t[i].text);
        continue;
      }
      const std::string& op = t[next].text;
      const bool symbol = t[i].text.size() <= 2 || !greek_letter(t[i].text).empty() ||
                          t[i].text.find_first_of("_0123456789") != std::string::npos;
      if (op == "=" || op == "<-" || op == "+=" || op == "-=" || (op == ":" && symbol))
        names.insert(t[i].text);
      // "QL, QR = eigenvectors", "m, v starts": a list in front of =
      if (op == "," && symbol) {
        size_t j = next;
        while (j + 1 < t.size() && t[j].text == "," && t[j + 1].kind == MathToken::kName) j += 2;
        if (j < t.size() && (t[j].text == "=" || t[j].text == "<-" || t[j].text == ":" || t[j].text == "as" ||
                             t[j].text == "likewise"))
          names.insert(t[i].text);
      }
    }
  }
  return names;
}

std::vector<MathToken> math_tokens(std::string_view line, const KnownNames& known) {
  std::vector<MathToken> t = split(line);
  std::vector<MathToken> out;
  // Hyphens and slashes within prose first: they are no operators. Nor is the star of "MoMo*)".
  for (size_t i = 0; i < t.size(); ++i) {
    const bool star =
        t[i].text == "*" && t[i].space == 0 && !out.empty() && prose_word(out.back().text) &&
        (i + 1 == t.size() || (t[i + 1].kind == MathToken::kOp && t[i + 1].text != "(" &&
                               t[i + 1].text != "|" && t[i + 1].text != "||" && t[i + 1].text != "<"));
    if (star) {
      out.back().text += "*";
      out.back().kind = MathToken::kWord;
      continue;
    }
    const bool joins = i > 0 && i + 1 < t.size() && t[i].kind == MathToken::kOp && t[i].text == "-" &&
                       t[i].space == 0 && t[i + 1].space == 0 && !out.empty() &&
                       t[i + 1].kind != MathToken::kOp;
    if (joins) {
      MathToken& left = out.back();
      const std::string& right = t[i + 1].text;
      const bool left_word =
          left.kind == MathToken::kWord ||
          (left.kind == MathToken::kName && prose_word(left.text) && !known.contains(left.text));
      const bool right_word = prose_word(right) && !known.contains(right);
      const bool left_plain = left.kind != MathToken::kOp;
      if ((left_word && right.find('_') == std::string::npos) ||
          (left_plain && left.kind == MathToken::kNumber && right == "D") ||
          (left.kind == MathToken::kName && left.text.size() == 1 && right_word && right.size() > 3)) {
        left.text += "-" + right;
        left.kind = MathToken::kWord;
        ++i;
        continue;
      }
    }
    out.push_back(t[i]);
  }
  const auto op_at = [&](size_t i) -> std::string_view {
    return i < out.size() && out[i].kind == MathToken::kOp ? std::string_view(out[i].text)
                                                           : std::string_view();
  };
  std::vector<MathToken> classed = out;
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i].kind != MathToken::kName) continue;
    const std::string& w = out[i].text;
    const std::string_view before = i ? op_at(i - 1) : std::string_view(), after = op_at(i + 1);
    const bool call = after == "(" && out[i + 1].space == 0;
    const bool at_operator = binds(before) || binds(after) || relation_or_sum(after) ||
                             (relation_or_sum(before) && !prose_word(w)) ||
                             (after == "-" && out[i + 1].space <= 1) || (before == "-" && !prose_word(w)) ||
                             (after == "'" && w.size() <= 3);
    bool symbol = true;
    if (!greek_letter(w).empty() && w != "inf") {
      symbol = true;
    } else if (w == "a" || w == "A" || w == "I") {
      // the article: between words of prose
      const bool word_after = i + 1 < out.size() && out[i + 1].kind == MathToken::kName &&
                              prose_word(out[i + 1].text) && !known.contains(out[i + 1].text) && !call;
      symbol = !(w != "I" && word_after && !at_operator);
    } else if (w.size() == 1) {
      symbol = true;
    } else if (w.find('_') != std::string::npos || std::any_of(w.begin(), w.end(), digit)) {
      symbol = true;
    } else if (call) {
      symbol = w != "of" && w != "in" && w != "or" && w != "if";
    } else if (is_math_function(w)) {
      // "mean of g", "sign of" are prose; "max |g|", "sum <g, s>", "grad L", "log x" are not
      symbol = after == "|" || after == "||" || after == "<" || w == "grad" || w == "diag" || w == "mod" ||
               (w == "sum" && i + 1 < out.size() && out[i + 1].kind != MathToken::kOp &&
                (out[i + 1].text == "over" || (out[i + 1].text.size() <= 2 && out[i + 1].text != "of")));
      if ((binds(after) || after == "=") && known.contains(w)) symbol = true;
    } else if (kEnglish.contains(w)) {
      symbol = binds(before) || binds(after) || after == "=" || after == "<-" ||
               (known.contains(w) && ((relation_or_sum(after)) || before == "=" || before == "+" ||
                                      before == "-" || before == "<-"));
      if (symbol && !known.contains(w) && !binds(before) && !binds(after))
        symbol = after == "=" && w.size() > 3;
    } else if (known.contains(w) && (w.size() <= 4 || !prose_word(w))) {
      symbol = true;
    } else if (std::all_of(w.begin(), w.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
      symbol = w.size() <= 2;
    } else {
      symbol = binds(before) || binds(after) || (at_operator && w.size() <= 3) || w == "lr" ||
               ((w.ends_with("hat") || w.ends_with("bar")) && w.size() <= 6 && w != "what" && w != "that");
    }
    if (!symbol) classed[i].kind = MathToken::kWord;
  }
  return classed;
}

}  // namespace gradus
