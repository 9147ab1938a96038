// CSV tables: a row an example; numbers, or words as categories.
#pragma once

#include "core/tensor.h"
#include "data/csv_table.h"
#include "data/registry.h"

namespace gradus {

struct CsvOptions {
  std::string path, target = "last", task = "auto", header = "auto", separator = "comma";
  std::string columns, drop, categories, missing = "refuse";
  std::optional<double> test;
  int64 seed = 0;
  bool standardize = true, standardize_target = true;

  void visit(auto&& f) {
    f("path", path, "the file; plain or .gz (with a comma in it: \"a,b.csv\" in quotes)");
    f("target", target, "the column to predict: first, last, its name, or its number from 0");
    f("task", task,
      "auto: what the weights were trained for; else classification if the targets are words or at most 100 "
      "different integers (it is said which, and why)",
      choices({"auto", "classification", "regression"}));
    f("columns", columns,
      "which columns the examples have: names or patterns joined by + (age+income+q_*), numbers from 0 "
      "without a header; "
      "none: all but the target");
    f("drop", drop, "columns to leave out, likewise");
    f("categories", categories,
      "columns whose values are categories, though they be numbers (zip+month); columns of words are in any "
      "case");
    f("missing", missing,
      "an empty field, NA or the like: refuse, or put the mean of the training rows there and say so in a "
      "number "
      "of its own",
      choices({"refuse", "mean"}));
    f("header", header, "whether the first line names the columns; auto: if no field of it is a number",
      choices({"auto", "yes", "no"}));
    f("separator", separator, "what stands between fields", choices({"comma", "semicolon", "tab", "space"}));
    f("test", test,
      "part of the rows, drawn at random, that is the test set, 1 all of them; none: 0.2, but to evaluate "
      "weights of another file 1",
      Limits{0, 1, true});
    f("seed", seed, "of that draw", at_least(0));
    f("standardize", standardize,
      "bring each column of numbers to mean 0 and deviation 1 over the training rows; weights keep what they "
      "were "
      "trained with");
    f("standardize_target", standardize_target,
      "of a regression, the targets too; predictions and errors are in their own units all the same, the "
      "loss is not");
  }
};

/// Where weights (places.fitted) know the columns by name, the file's may stand in another order. Throws DataError,
/// with file, line and column, for whatever is no finite number where there must be one, for a target that is missing,
/// for numbers among words, and for one number spelt in two ways as a class.
Data open_csv(const CsvOptions& options, const DataPlaces& places = {});

/// The rows of a table as weights see them (N,D), whether or not it has their target: their columns by name, or, where the table or
/// the weights have no names, in order, without the column of `options.target` if there is one more. Columns that the weights do
/// not know are left out. `name` opens the messages. Throws DataError for columns that are missing and for what is no finite number.
/// Categories that the weights do not know are said in `notes`.
Tensor read_csv_examples(const std::string& text, const std::string& name, const CsvOptions& options,
                         const DatasetInfo& fitted, std::vector<std::string>& notes);

}  // namespace gradus
