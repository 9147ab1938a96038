// Slates to be ranked, made of a set of labelled images: "digit ranking". A slate is a number of images and a query class; an
// image's grade falls with the distance of its class from the query on the circle of classes (for digits 9 is next to 0):
//   distance 0: grade 4,   1: 2,   2: 1,   else 0
#pragma once

#include <span>

#include "core/options.h"
#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

struct RankSlateOptions {
  int64 slates = 4000, items = 30, seed = 0;
  double query = 1;
  void visit(auto&& f) {
    f("slates", slates, "number of slates", at_least(1));
    f("items", items, "images in each", at_least(1));
    f("seed", seed, "of queries and images", at_least(0));
    f("query", query, "the number that stands for the query's class, beside pixels of variance 1",
      positive());
  }
};

/// Slates as a ranker takes them.
struct SlateBatch {
  Tensor items;      ///< (B,n,D): normalised pixels, then the query: 0 of each class but one
  IntTensor labels;  ///< (B,n): grades
};

class RankSlates {
 public:
  /// Slate i is a function of (seed, i): query and images are drawn uniformly, images with repeats. Throws UsageError for a
  /// set without classes.
  RankSlates(DatasetPtr images, const RankSlateOptions& options);

  int64 size() const { return options_.slates; }
  int64 items() const { return options_.items; }
  /// D: pixels and classes.
  int64 features() const;
  struct Slate {
    int64 query;
    std::vector<int64> images;  ///< indices into the set
  };
  Slate slate(int64 i) const;
  SlateBatch batch(std::span<const int64> slates) const;

 private:
  DatasetPtr images_;
  RankSlateOptions options_;
};

/// The grade of an image of class `label` for a query among `classes`.
int64 circular_grade(int64 label, int64 query, int64 classes);

}  // namespace gradus
