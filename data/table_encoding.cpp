#include "data/table_encoding.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/error.h"
#include "core/glob.h"
#include "core/number_text.h"

namespace gradus {
namespace {

constexpr std::size_t kMostCategories = 100, kFewRows = 20, kNamesShown = 8;

std::string column_name(const CsvColumns& c, std::size_t column) {
  return c.table.header.empty() ? fmt::format("column {}", column) : "'" + c.table.header[column] + "'";
}
// How an option would call it.
std::string option_word(const CsvColumns& c, std::size_t column) {
  return c.table.header.empty() ? fmt::format("{}", column) : c.table.header[column];
}

std::vector<std::string> patterns_in(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('+', at), text.size());
    if (end > at) all.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

// How many digits `text` begins with at `at`, which moves behind them.
int digits_at(std::string_view text, std::size_t& at) {
  int n = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at) ++n;
  return n;
}

// 2024-01-31, 31.1.2024, 1/31/24, each also with a time behind it; 12:30, 12:30:05.
bool is_date(std::string_view text) {
  std::size_t at = 0;
  const int first = digits_at(text, at);
  if (first == 0 || at == text.size()) return false;
  const char mark = text[at++];
  const int second = digits_at(text, at);
  if (mark == ':') return first <= 2 && second == 2 && (at == text.size() || text[at] == ':');
  if ((mark != '-' && mark != '/' && mark != '.') || second == 0 || second > 2 || at == text.size() ||
      text[at++] != mark)
    return false;
  const int third = digits_at(text, at);
  const bool year_first = first == 4 && third >= 1 && third <= 2,
             year_last = first <= 2 && (third == 4 || third == 2);
  return (year_first || year_last) && (at == text.size() || text[at] == ' ' || text[at] == 'T');
}

// What the rows of a column hold.
struct ColumnContents {
  std::set<std::string> words;  // in the training rows
  std::optional<std::size_t> word, number, infinite, date,
      missing;                   // the first row of each kind, of all rows
  std::size_t missing_rows = 0;  // of the training rows
  double sum = 0;
  std::size_t numbers = 0;  // of the training rows
};

ColumnContents contents_of(const CsvColumns& c, std::size_t column, const std::vector<int64>& rows) {
  ColumnContents k;
  for (std::size_t r = 0; r < c.table.rows.size(); ++r) {
    const std::string_view field = trimmed(c.table.rows[r][column]);
    auto& first = is_missing(field)      ? k.missing
                  : finite_number(field) ? k.number
                  : number_in(field)     ? k.infinite
                  : is_date(field)       ? k.date
                                         : k.word;
    if (!first) first = r;
  }
  for (const int64 row : rows) {
    const std::string_view field = trimmed(c.table.rows[static_cast<std::size_t>(row)][column]);
    if (is_missing(field)) {
      ++k.missing_rows;
      continue;
    }
    k.words.emplace(field);
    if (const auto value = finite_number(field)) k.sum += *value, ++k.numbers;
  }
  return k;
}

void check_words(const CsvColumns& c, std::size_t column, const ColumnContents& k, std::size_t rows) {
  const std::string name = option_word(c, column);
  if (k.date)
    fail<DataError>(
        "{}: '{}' is a date or a time, which is no number: expected numbers made of it (year, month, days "
        "since a "
        "day), or drop={} to leave the column out",
        c.place(*k.date, column), c.table.rows[*k.date][column], name);
  if (k.infinite) c.number(*k.infinite, column);  // says so
  if (k.word && k.number)
    fail<DataError>(
        "{}: expected a number, found '{}'{} (categories={} takes the values of this column as words)",
        c.place(*k.word, column), c.table.rows[*k.word][column],
        *k.word == 0 && c.table.header.empty() ? " (header=yes if this line names the columns)" : "", name);
  const std::size_t n = k.words.size();
  if (k.word && (n > kMostCategories || (rows >= kFewRows && 2 * n > rows)))
    fail<DataError>(
        "{}: {} holds {} different words in {} rows, too many for categories: drop={} leaves it out, "
        "categories={} takes "
        "them all the same",
        c.path, column_name(c, column), n, rows, name, name);
}

void note_column(const CsvColumns& c, std::size_t column, const TableColumn& made, const ColumnContents& k,
                 std::size_t rows, std::vector<std::string>& notes) {
  if (!made.categories.empty()) {
    std::vector<std::string> shown(
        made.categories.begin(),
        made.categories.begin() + static_cast<std::ptrdiff_t>(std::min(made.categories.size(), kNamesShown)));
    notes.push_back(fmt::format("csv: {} is taken for {} categories, a number each: {}{}",
                                column_name(c, column), made.categories.size(), fmt::join(shown, ", "),
                                made.categories.size() > kNamesShown ? ", ..." : ""));
  }
  if (made.indicator)
    notes.push_back(
        fmt::format("csv: {} has no value in {} of {} training rows: {}, and one more number says so",
                    column_name(c, column), k.missing_rows, rows,
                    made.categories.empty() ? fmt::format("the mean {:.6g} stands in", made.fill)
                                            : "it is of no category there"));
}

// The number, or the numbers, of one field into `out`.
class FieldEncoder {
 public:
  FieldEncoder(const CsvColumns& c, std::size_t column, const TableColumn& how, bool fill,
               std::vector<std::string>& notes)
      : c_(c), column_(column), how_(how), fill_(fill), notes_(notes) {}

  void add(std::size_t row, std::vector<double>& out) {
    const std::string_view field = trimmed(c_.table.rows[row][column_]);
    const bool missing = (fill_ || !how_.categories.empty()) && is_missing(field);
    if (missing && !fill_)
      fail<DataError>("{}: expected a category, found '{}' (the weights were trained without missing=mean)",
                      c_.place(row, column_), c_.table.rows[row][column_]);
    if (missing && !how_.indicator) say_once(missing_, "a missing value, which training rows had not", "");
    if (how_.categories.empty())
      add_number(row, missing, out);
    else
      add_category(field, missing, out);
    if (how_.indicator) out.push_back(missing ? 1 : 0);
  }

 private:
  void add_number(std::size_t row, bool missing, std::vector<double>& out) {
    out.push_back(missing ? how_.fill : c_.number(row, column_));
    c_.narrowed(row, column_,
                out.back());  // refused as it stands, whether or not standardising would bring it into range
  }
  void add_category(std::string_view field, bool missing, std::vector<double>& out) {
    const auto found = std::lower_bound(how_.categories.begin(), how_.categories.end(), field);
    const bool known = !missing && found != how_.categories.end() && *found == field;
    if (!known && !missing)
      say_once(unknown_, "is none of the categories known from training: it is taken as none", field);
    for (auto k = how_.categories.begin(); k != how_.categories.end(); ++k)
      out.push_back(known && k == found ? 1 : 0);
  }
  void say_once(std::set<std::string, std::less<>>& said, const char* what, std::string_view field) {
    if (!said.emplace(field).second) return;
    notes_.push_back(field.empty() ? fmt::format("csv: {}: {}", column_name(c_, column_), what)
                                   : fmt::format("csv: {}: '{}' {}", column_name(c_, column_), field, what));
  }

  const CsvColumns& c_;
  std::size_t column_;
  const TableColumn& how_;
  bool fill_;
  std::vector<std::string>& notes_;
  std::set<std::string, std::less<>> unknown_, missing_;
};

}  // namespace

bool is_missing(std::string_view field) {
  std::string word(trimmed(field));
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  for (const char* none : {"", "na", "n/a", "nan", "null", "?"})
    if (word == none) return true;
  return false;
}

bool matches_patterns(const std::string& patterns, const CsvTable& table, std::size_t column) {
  const std::string name = table.header.empty() ? fmt::format("{}", column) : table.header[column];
  for (const std::string& pattern : patterns_in(patterns))
    if (glob_match(pattern, name)) return true;
  return false;
}

void check_patterns(const std::string& option, const std::string& patterns, const CsvTable& table) {
  std::vector<std::string> names = table.header;
  for (std::size_t i = 0; names.size() < table.rows[0].size(); ++i) names.push_back(fmt::format("{}", i));
  for (const std::string& pattern : patterns_in(patterns))
    if (std::none_of(names.begin(), names.end(),
                     [&](const std::string& n) { return glob_match(pattern, n); }))
      fail<UsageError>("data set csv: {}: {}", option, unknown_name("column", pattern, names));
}

TableInfo fit_table(const CsvColumns& c, const TableChoice& choice, const std::vector<int64>& rows,
                    std::vector<std::string>& notes) {
  check_patterns("categories", choice.categories, c.table);
  TableInfo table;
  table.fill_missing = choice.fill_missing;
  bool plain = true;
  for (const std::size_t column : c.features) {
    const ColumnContents k = contents_of(c, column, rows);
    const bool asked = matches_patterns(choice.categories, c.table, column);
    TableColumn made;
    made.name = c.table.header.empty() ? "" : c.table.header[column];
    made.position = static_cast<int64>(column - (column > c.target ? 1 : 0));
    if (k.missing && !choice.fill_missing)
      fail<DataError>(
          "{}: expected a {}, found '{}' (missing=mean puts the mean of the column there, and says so in a "
          "number of "
          "its own)",
          c.place(*k.missing, column),
          asked || (k.word && !k.number)                ? "category"
          : number_in(c.table.rows[*k.missing][column]) ? "finite number"
                                                        : "number",
          c.table.rows[*k.missing][column]);
    if (!asked) check_words(c, column, k, rows.size());
    if (asked || k.word)
      made.categories.assign(k.words.begin(), k.words.end());
    else if (k.numbers)
      made.fill = k.sum / static_cast<double>(k.numbers);
    if (k.words.empty())
      fail<DataError>("{}: {} has no value in any training row: drop={} leaves it out", c.path,
                      column_name(c, column), option_word(c, column));
    made.indicator = k.missing_rows > 0;
    note_column(c, column, made, k, rows.size(), notes);
    plain = plain && made.categories.empty() && !made.indicator;
    table.columns.push_back(std::move(made));
  }
  table.width = static_cast<int64>(c.table.rows[0].size()) - 1;
  const bool all = static_cast<int64>(c.features.size()) == table.width;
  for (std::size_t i = 0; i < c.table.header.size(); ++i)
    if (i != c.target && std::find(c.features.begin(), c.features.end(), i) == c.features.end())
      table.left_out.push_back(c.table.header[i]);
  if (plain && all && !choice.fill_missing) return {};  // numbers alone: nothing to be kept
  return table;
}

std::vector<double> encode_table(const CsvColumns& c, const TableInfo& table,
                                 std::vector<std::string>& notes) {
  std::vector<FieldEncoder> encoders;
  const TableColumn number;
  for (std::size_t k = 0; k < c.features.size(); ++k)
    encoders.emplace_back(c, c.features[k], table.columns.empty() ? number : table.columns[k],
                          table.fill_missing, notes);
  std::vector<double> x;
  for (std::size_t r = 0; r < c.table.rows.size(); ++r)
    for (FieldEncoder& e : encoders) e.add(r, x);
  return x;
}

int64 numbers_of(const TableColumn& column) {
  return static_cast<int64>(column.categories.empty() ? 1 : column.categories.size()) +
         (column.indicator ? 1 : 0);
}

std::vector<bool> measured_numbers(const TableInfo& table) {
  std::vector<bool> all;
  for (const TableColumn& column : table.columns)
    for (int64 i = 0; i < numbers_of(column); ++i) all.push_back(column.categories.empty() && i == 0);
  return all;
}

}  // namespace gradus
