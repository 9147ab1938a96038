#include "data/csv.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/byte_source.h"
#include "core/error.h"
#include "core/md5.h"
#include "core/number_text.h"
#include "data/csv_columns.h"
#include "data/fitted.h"
#include "data/table_encoding.h"
#include "data/vectors.h"

namespace gradus {
namespace {

// Whether the number, as spelt, is none of ..., -1, 0, 1, ...: also one that is too small for a double.
bool is_fraction(double value, const std::string& text) {
  return value != std::floor(value) ||
         (value == 0 && text.find_first_of("123456789") < text.find_first_of("eE"));
}

// Numbers ascending, and before words, which are in their byte order.
bool class_order(const std::string& a, const std::string& b) {
  const auto x = finite_number(a), y = finite_number(b);
  if (x && y && *x != *y) return *x < *y;
  if (x.has_value() != y.has_value()) return x.has_value();
  return a < b;
}

struct TargetTask {
  bool classes;
  std::string note;  // why, where the reader decided
};

// What the targets are. Throws DataError for a missing one and for words among numbers.
TargetTask task_of(const CsvColumns& c, const CsvOptions& o, const DatasetInfo* fitted) {
  constexpr std::size_t kMostClasses = 100;
  std::set<double> numbers;
  std::optional<std::size_t> word, number, fraction;  // the first row with one
  for (std::size_t r = 0; r < c.table.rows.size(); ++r) {
    if (trimmed(c.target_of(r)).empty())
      fail<DataError>("{}: expected a target, found nothing", c.place(r, c.target));
    const auto value = finite_number(c.target_of(r));
    if (!value) {
      if (!word) word = r;
      continue;
    }
    if (!number) number = r;
    if (!fraction && is_fraction(*value, c.target_of(r))) fraction = r;
    if (numbers.size() <= kMostClasses) numbers.insert(*value);
  }
  const bool trained = fitted && (fitted->classes || fitted->targets);
  if (o.task != "auto" || trained) {
    const bool classes = o.task == "auto" ? fitted->classes > 0 : o.task == "classification";
    return {classes, ""};
  }
  const auto note = [&](const char* task, const std::string& why) {
    return fmt::format("csv: {} is taken for {}: {}", c.target_name(), task, why);
  };
  if (word && number)
    fail<DataError>(
        "{}: expected a {}number like the other rows have, found '{}' (task=classification takes "
        "both as classes)",
        c.place(*word, c.target), number_in(c.target_of(*word)) ? "finite " : "", c.target_of(*word));
  if (word) return {true, note("classification", "it holds words")};
  if (fraction)
    return {false, note("regression", fmt::format("it holds fractions ({})", c.target_of(*fraction)))};
  if (numbers.size() > kMostClasses)
    return {false, note("regression", fmt::format("it holds more than {} different integers", kMostClasses))};
  return {true,
          note("classification",
               fmt::format("it holds {} different integers, {} to {}, and no more than {} make classes; "
                           "task=regression takes them as numbers",
                           numbers.size(), *numbers.begin(), *numbers.rbegin(), kMostClasses))};
}

// Names of the classes in order, and the class of each row.
IntTensor read_classes(const CsvColumns& c, DatasetInfo& info) {
  const auto n = static_cast<int64>(c.table.rows.size());
  std::map<double, std::size_t> first_row;  // of each number, whose spelling names it
  for (std::size_t r = 0; r < c.table.rows.size(); ++r) {
    const std::string name(trimmed(c.target_of(r)));
    if (const auto value = finite_number(name)) {
      const std::size_t before = first_row.emplace(*value, r).first->second;
      if (const auto other = trimmed(c.target_of(before)); other != name)
        fail<DataError>(
            "{}: the class '{}' is the number that line {} spells '{}': expected one spelling a class",
            c.place(r, c.target), name, c.table.lines[before], other);
    }
    info.class_names.push_back(name);
  }
  const std::vector<std::string> labels = info.class_names;
  std::sort(info.class_names.begin(), info.class_names.end(), class_order);
  info.class_names.erase(std::unique(info.class_names.begin(), info.class_names.end()),
                         info.class_names.end());
  info.classes = static_cast<int64>(info.class_names.size());
  IntTensor y({n});
  for (int64 r = 0; r < n; ++r)
    y.mutable_data()[r] = std::lower_bound(info.class_names.begin(), info.class_names.end(),
                                           labels[static_cast<std::size_t>(r)], class_order) -
                          info.class_names.begin();
  return y;
}

// The column of the table that each number of an example comes from.
std::vector<std::size_t> sources(const CsvColumns& c, const TableInfo& table) {
  if (table.columns.empty()) return c.features;
  std::vector<std::size_t> from;
  for (std::size_t k = 0; k < c.features.size(); ++k)
    from.insert(from.end(), static_cast<std::size_t>(numbers_of(table.columns[k])), c.features[k]);
  return from;
}

// Numbers of examples (N,D) as the weights have them standardised.
Tensor standardised(const CsvColumns& c, const DatasetInfo& info, const std::vector<double>& x) {
  const std::vector<std::size_t> from = sources(c, info.table);
  const std::size_t n = c.table.rows.size(), d = from.size();
  Tensor out({static_cast<int64>(n), static_cast<int64>(d)});
  for (std::size_t i = 0; i < n * d; ++i) {
    const std::size_t k = i % d;
    out.mutable_data()[i] =
        c.narrowed(i / d, from[k], info.mean.size() == d ? (x[i] - info.mean[k]) / info.std[k] : x[i]);
  }
  return out;
}

// Examples (N,D), encoded and standardised in double as the weights were or, without weights, by `rows`; sets the shape and what was
// fitted.
Tensor read_examples(const CsvColumns& c, const CsvOptions& o, const std::vector<int64>& rows,
                     const DatasetInfo* fitted, DatasetInfo& info) {
  const bool trained = fitted && !fitted->example.dims().empty();
  info.table = trained ? fitted->table : fit_table(c, {o.categories, o.missing == "mean"}, rows, info.notes);
  const std::vector<double> x = encode_table(c, info.table, info.notes);
  const std::size_t d = sources(c, info.table).size();
  info.example = {static_cast<int64>(d)};
  if (fitted && fitted->complete && (fitted->mean.empty() || fitted->mean.size() == d)) {
    info.mean = fitted->mean, info.std = fitted->std;
  } else if (o.standardize) {
    const ColumnScale scale = measure_columns(x, static_cast<int64>(d), rows);
    info.mean = scale.mean, info.std = scale.std;
    const std::vector<bool> measured = measured_numbers(info.table);
    for (std::size_t k = 0; k < measured.size(); ++k)
      if (!measured[k]) info.mean[k] = 0, info.std[k] = 1;
  }
  return standardised(c, info, x);
}

// Real targets (N,1), standardised as those of the weights were or, without weights, over `rows`.
Tensor read_targets_of(const CsvColumns& c, const CsvOptions& o, const std::vector<int64>& rows,
                       const DatasetInfo* fitted, DatasetInfo& info) {
  std::vector<double> y;
  for (std::size_t r = 0; r < c.table.rows.size(); ++r) {
    y.push_back(c.number(r, c.target));
    c.narrowed(r, c.target, y.back());
  }
  info.targets = 1;
  if (fitted) {
    info.target_mean = fitted->target_mean, info.target_std = fitted->target_std;
  } else if (o.standardize_target) {
    const ColumnScale scale = measure_columns(y, 1, rows);
    info.target_mean = scale.mean, info.target_std = scale.std;
  }
  Tensor out({static_cast<int64>(y.size()), 1});
  for (std::size_t r = 0; r < y.size(); ++r)
    out.mutable_data()[r] = c.narrowed(
        r, c.target, info.target_std.empty() ? y[r] : (y[r] - info.target_mean[0]) / info.target_std[0]);
  return out;
}

}  // namespace

namespace {

CsvTable parse_table(const std::string& text, const std::string& name, const CsvOptions& o) {
  const char separator = o.separator == "comma"       ? ','
                         : o.separator == "semicolon" ? ';'
                         : o.separator == "tab"       ? '\t'
                                                      : ' ';
  const CsvHeader header = o.header == "auto"  ? CsvHeader::kAuto
                           : o.header == "yes" ? CsvHeader::kYes
                                               : CsvHeader::kNo;
  return parse_csv(text, name, separator, header);
}

}  // namespace

Tensor read_csv_examples(const std::string& text, const std::string& name, const CsvOptions& o,
                         const DatasetInfo& fitted, std::vector<std::string>& notes) {
  CsvColumns c;
  c.path = name;
  c.table = parse_table(text, name, o);
  const std::size_t columns = c.table.rows.empty() ? 0 : c.table.rows[0].size();
  if (columns == 0) fail<DataError>("{}: expected rows, found none", name);
  const TableInfo& table = fitted.table;
  const auto d = static_cast<std::size_t>(table.columns.empty() ? fitted.example.numel() : table.width);
  const std::vector<std::string>& header = c.table.header;
  if (!header.empty() && !fitted.columns.empty()) {
    std::vector<std::string> missing;
    for (const std::string& column : fitted.columns) {
      const auto found = std::find(header.begin(), header.end(), column);
      if (found == header.end()) missing.push_back(column);
      c.features.push_back(static_cast<std::size_t>(found - header.begin()));
    }
    if (!missing.empty())
      fail<DataError>("{}: the weights were trained on the columns {}; missing here: {}", name,
                      fmt::join(fitted.columns, ", "), fmt::join(missing, ", "));
  } else {
    if (columns != d && columns != d + 1)
      fail<DataError>(
          "{}: expected {} columns as the weights were trained on, or one more (the target), found {}", name,
          d, columns);
    std::size_t target = columns;  // none
    if (columns == d + 1) {
      const auto number = number_in(o.target);
      target = o.target == "first" ? 0
               : number && *number >= 0 && *number < static_cast<double>(columns)
                   ? static_cast<std::size_t>(*number)
                   : columns - 1;
    }
    for (std::size_t i = 0; i < columns; ++i)
      if (i != target) c.features.push_back(i);
    if (!table.columns.empty()) {
      std::vector<std::size_t> chosen;
      for (const TableColumn& column : table.columns)
        chosen.push_back(c.features[static_cast<std::size_t>(column.position)]);
      c.features = chosen;
    }
  }
  return standardised(c, fitted, encode_table(c, table, notes));
}

Data open_csv(const CsvOptions& o, const DataPlaces& places) {
  constexpr double kUsualTest = 0.2;
  if (o.path.empty()) fail<UsageError>("data set csv: needs path=FILE");
  const std::string text = read_text_file(o.path);
  const CsvColumns c =
      choose_columns(parse_table(text, o.path, o), o.path, o.target, {o.columns, o.drop}, places.fitted);

  DatasetInfo info;
  info.name = "csv";
  info.kind = DataKind::kVectors;
  if (!c.table.header.empty())
    for (const std::size_t column : c.features) info.columns.push_back(c.table.header[column]);
  Md5 digest;
  digest.update(text.data(), text.size());
  info.digest = digest.hex();
  const auto n = static_cast<int64>(c.table.rows.size());
  const SplitIndices parts =
      random_split(n, test_part(o.test, kUsualTest, places, info.digest), o.seed, "csv");
  if (places.fitted && !places.fitted->complete && o.standardize)
    info.notes.push_back(
        "csv: the weights are of an older gradus and do not say how their columns were standardised: this "
        "file's own "
        "mean and deviation are taken");
  const std::vector<int64>& fitting = parts.train.empty() ? parts.test : parts.train;
  const Tensor x = read_examples(c, o, fitting, places.fitted, info);
  const TargetTask task = task_of(c, o, places.fitted);
  if (!task.note.empty()) info.notes.push_back(task.note);
  if (task.classes) {
    const IntTensor y = read_classes(c, info);
    if (info.classes < 2 && !places.fitted)
      fail<DataError>("{}: expected at least two classes in {}, found only '{}'", o.path, c.target_name(),
                      info.class_names[0]);
    return split_data(std::make_shared<VectorSet>(info, x, y), parts);
  }
  const Tensor y = read_targets_of(c, o, fitting, places.fitted, info);
  return split_data(std::make_shared<VectorSet>(info, x, y), parts);
}

}  // namespace gradus
