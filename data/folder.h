// Folders of images: a class per directory, PNG and JPEG files of any size.
#pragma once

#include "data/registry.h"

namespace gradus {

struct FolderOptions {
  std::string path;
  std::optional<int64> size, channels;
  std::optional<double> test;
  int64 seed = 0;
  std::string fit = "auto", cache;
  bool skip_bad = false;

  void visit(auto&& f) {
    f("path", path, "holds a directory per class, or train/ and test/ (or val/) with one per class each");
    f("size", size, "side to which images are resized; none: that of the weights, else 32", between(1, 4096));
    f("channels", channels, "1 grey, 3 colour; none: those of the weights, else 3", between(1, 3));
    f("test", test,
      "part of each class drawn for the test set where there is no test/, 1 all of it; none: 0.2, but to "
      "evaluate weights of another folder 1",
      Limits{0, 1, true});
    f("seed", seed, "of that draw", at_least(0));
    f("fit", fit,
      "how images come to that size: stretch; crop, the middle, the shorter side fits; pad, black beside, "
      "the longer side fits; auto: "
      "that of the weights, else stretch",
      choices({"auto", "stretch", "crop", "pad"}));
    f("skip_bad", skip_bad,
      "pass over files that are no whole images and name them, instead of ending at the first");
    f("cache", cache, "folder where the decoded pixels are kept for the next start; none: they are not");
  }
};

/// Classes are the directories in the order of their names; pixels are normalised by the mean and deviation
/// of the training images. Files that end in neither .png, .jpg nor .jpeg are passed over. `path` is looked
/// for as given, then where data sets are. Throws DataError for a missing folder, no or one class (unless weights say
/// which others there are), a class without images, a class that only test/ has, a name that is not UTF-8, a file that
/// is no image (unless skip_bad).
Data open_folder(const FolderOptions& options, const DataPlaces& places);

}  // namespace gradus
