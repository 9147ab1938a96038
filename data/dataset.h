// Dataset: the one abstract set that loaders, views, contact sheets and experiments read from.
//
// An example is one of three things, told by DatasetInfo::kind:
//   kImages   pixels (C,H,W) of 8 bits, and a class label
//   kVectors  real numbers of shape `example`, and a class label or a real target vector
//   kText     a window of T token ids, and the same window moved on by one: the next tokens
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/shape.h"

namespace gradus {

enum class DataKind { kImages, kVectors, kText };
/// "images", "vectors", "text".
const char* kind_name(DataKind kind);

/// How a column of a table becomes numbers of an example (data/table_encoding.h).
struct TableColumn {
  std::string name;                     ///< "" where the table had no header
  int64 position = 0;                   ///< among the columns beside the target
  std::vector<std::string> categories;  ///< in ascending order, a number each; empty: the column is a number
  bool indicator = false;               ///< one more number: 1 where the value is missing
  double fill = 0;                      ///< of a number that is missing: the mean over the training rows
};

/// What was fitted on the training rows of a table; without columns: each column is a number, none is missing.
struct TableInfo {
  std::vector<TableColumn> columns;   ///< those of the example, in its order
  int64 width = 0;                    ///< columns of that table beside the target
  std::vector<std::string> left_out;  ///< names of those that are not part of the example
  bool fill_missing = false;          ///< else a missing value is an error
};

struct DatasetInfo {
  std::string name;  ///< as the registry knows it: "mnist"
  DataKind kind = DataKind::kImages;
  Shape example;      ///< images (C,H,W); vectors (D) or more axes; text (T)
  int64 classes = 0;  ///< labels are 0..classes-1; text: size of the vocabulary; 0: real targets
  int64 targets = 0;  ///< length of the real target vector; 0: class labels
  std::vector<std::string> class_names;  ///< one a class, or empty
  /// What examples are standardised by, (x - mean) / std, fitted on the training examples. Images: per channel, with
  /// x = pixel / 255. Vectors: per number of an example; empty where they are taken as they are.
  std::vector<double> mean, std;
  /// How images of other sizes are brought to the example's (core/image_fit.h).
  std::string fit = "stretch";
  /// Vectors from a table with a header: the names of its columns, in the order of the example's numbers.
  std::vector<std::string> columns;
  TableInfo table;
  /// What real targets were standardised by, (y - mean) / std, one each; empty: they are as they are. Outputs of a regression are
  /// then standardised too (in_units of data/fitted.h).
  std::vector<double> target_mean, target_std;
  /// Text: the bytes that token i stands for.
  std::vector<std::string> vocabulary;
  /// MD5 of the contents that training and test part were drawn from; "" for a set with a test part of its own. By it,
  /// weights know the file they were trained on.
  std::string digest;
  /// Of weights: false if they are of an older gradus, which saved neither columns, their mean and std, nor the digest.
  bool complete = true;
  /// What the reader decided by itself, and why: a line each. Not saved with weights.
  std::vector<std::string> notes;
};

/// Read-only and safe to read from several threads at once. A data set implements the readers of its kind;
/// the others throw UsageError.
class Dataset {
 public:
  explicit Dataset(DatasetInfo info) : info_(std::move(info)) {}
  virtual ~Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  const DatasetInfo& info() const { return info_; }
  /// Number of examples; of text, of windows that do not overlap.
  virtual int64 size() const = 0;

  /// Example i will be read soon: a set may call for its memory. Examples are read in random order, so the processor cannot
  /// know, and would wait for every cache line.
  virtual void expect(int64 i) const { static_cast<void>(i); }
  /// Class of example i, 0 <= i < size().
  virtual int64 label(int64 i) const;
  /// Images: writes the C*H*W pixels of example i.
  virtual void read_pixels(int64 i, std::uint8_t* out) const;
  /// Vectors: writes the example.numel() numbers of example i. Images: the normalised pixels.
  virtual void read_reals(int64 i, real* out) const;
  /// Vectors with real targets: writes the `targets` numbers of example i.
  virtual void read_targets(int64 i, real* out) const;
  /// Text: number of positions a window may start at; window i of a set read in order starts at i * T.
  virtual int64 starts() const;
  /// Text: writes the T tokens from `start` on, and the T tokens from start + 1 on.
  virtual void read_window(int64 start, int64* tokens, int64* next) const;

 protected:
  [[noreturn]] void cannot(const char* what) const;
  DatasetInfo info_;
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// What a data specification opens. There is no training set (nullptr) where all examples are the test set.
struct Data {
  DatasetPtr train, test;
  const DatasetInfo& info() const { return (train ? train : test)->info(); }
};

/// The factor and the summand that take an 8-bit pixel of each channel to its normalised value.
struct PixelScale {
  explicit PixelScale(const DatasetInfo& info);
  std::vector<real> factor, summand;
  /// out = pixel * factor + summand over (C,H,W).
  void apply(const std::uint8_t* pixels, const Shape& chw, real* out) const;
};

}  // namespace gradus
