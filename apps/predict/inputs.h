// What there is to be predicted: paths as a person gives them, and the examples in them as weights see them.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.h"
#include "data/csv.h"
#include "data/dataset.h"

namespace gradus {

/// A file whose examples are to be predicted; "-" is standard input.
struct InputFile {
  std::string path;
  std::string bytes;  ///< of standard input, which can be read once
  std::string name() const { return path == "-" ? "standard input" : path; }
};

/// The examples of one file.
struct InputRows {
  Tensor x;                             ///< (N, example...), or undefined for text
  IntTensor tokens;                     ///< (1, T): the end of a text that fits into the model's window
  bool many = false;                    ///< rows of an array or a table, which are told by their number
  std::vector<std::string> notes = {};  ///< what was not as in training, and how it was taken
  int64 size() const { return tokens.defined() ? 1 : x.dim(0); }
};

/// What weights know of the data they were trained on, and how tables are read.
struct InputOptions {
  DatasetInfo info;
  CsvOptions table;     ///< header, separator and target as the run had them
  bool invert = false;  ///< swap light and dark of images
};

/// The files that the words name, in their order: a folder stands for all files below it that such weights can take (images;
/// .csv and .npy; .txt), by their names, without hidden ones. "-" is standard input: an image, an array, a table or a text by
/// itself; for weights of images also a list of paths, one a line. What is not there or holds nothing is said in `errors`.
std::vector<InputFile> input_files(const std::vector<std::string>& words, DataKind kind,
                                   std::vector<std::string>& errors);

/// The examples of a file: resized, grey or colour, normalised; columns by their names, standardised; characters by the
/// vocabulary. Throws DataError that names the file and what was expected.
InputRows read_inputs(const InputFile& file, const InputOptions& options);

}  // namespace gradus
