// Views: data sets made of another one, without copying it.
#pragma once

#include <functional>

#include "core/options.h"
#include "data/dataset.h"

namespace gradus {

/// The examples `indices` of `base`, in that order (repeats allowed). Throws UsageError for an index out of
/// range or none at all.
DatasetPtr subset(DatasetPtr base, std::vector<int64> indices);
/// The first `n` examples, where it has more.
DatasetPtr first_examples(const DatasetPtr& base, std::optional<int64> n);
/// The same examples with other labels, one an example. `class_names` as long as there are classes, or empty.
DatasetPtr relabelled(DatasetPtr base, std::vector<int64> labels, int64 classes,
                      std::vector<std::string> class_names);
/// Images whose pixels `change` rewrites in place whenever they are read.
DatasetPtr with_pixels(DatasetPtr base, std::function<void(std::uint8_t* pixels, const Shape& chw)> change);

/// What every labelled set offers behind its own options. They apply in the order listed; those of the
/// training set leave the test set alone.
struct ViewOptions {
  std::string classes = "all";
  int64 folds = 1, fold = 0, holdout = 0;
  std::optional<int64> limit, test_limit;
  double imbalance = 1, noise = 0;
  std::string noise_kind = "symmetric";
  int64 noise_shift = 1;
  bool noise_left_out = false;
  double rotate = 0;
  bool invert = false;
  std::optional<int64> permute;
  int64 view_seed = 0;

  void visit(auto&& f) {
    f("classes", classes, "keep only these, renumbered from 0: all, a range 0-4, or a list 3+5+8");
    f("folds", folds, "cross-validation: cut the training set into so many parts", at_least(1));
    f("fold", fold, "the part that takes the place of the test set", at_least(0));
    f("holdout", holdout, "the last so many training examples take the place of the test set", at_least(0));
    f("limit", limit, "keep only the first so many training examples", at_least(1));
    f("test_limit", test_limit, "keep only the first so many test examples", at_least(1));
    f("imbalance", imbalance, "long tail: the first class keeps all examples, the last 1/imbalance of them",
      at_least(1));
    f("noise", noise, "part of the training labels that are made wrong", between(0, 1));
    f("noise_kind", noise_kind,
      "wrong labels: symmetric any other class, asymmetric the class noise_shift further on",
      choices({"symmetric", "asymmetric"}));
    f("noise_shift", noise_shift, "asymmetric: classes between a label and the wrong one", at_least(1));
    f("noise_left_out", noise_left_out, "leave the wrongly labelled examples out: what an oracle would do");
    f("rotate", rotate, "turn every image by this angle in degrees, counter-clockwise", between(-360, 360));
    f("invert", invert, "exchange black and white");
    f("permute", permute, "shuffle the pixels of every image in one fixed random order, this number its seed",
      at_least(0));
    f("view_seed", view_seed, "of the folds and the noise", at_least(0));
  }
};
/// Throws UsageError for a request the set cannot meet.
Data apply_views(Data data, const ViewOptions& options);

/// The labels with floor(noise * n + 1/2) of them, drawn at random, made wrong: another class drawn
/// uniformly, or (y+shift) modulo classes. Convention: a noisy label is never the true one, unless shift is a multiple of classes.
std::vector<int64> noisy_labels(const std::vector<int64>& labels, int64 classes, double noise, bool symmetric,
                                int64 seed, int64 shift = 1);

}  // namespace gradus
