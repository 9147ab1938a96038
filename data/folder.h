// Folders of images: a class per directory, PNG and JPEG files of any size.
#pragma once

#include "data/registry.h"

namespace gradus {

struct FolderOptions {
  std::string path;
  int64 size = 32, channels = 3;
  double test = 0.2;
  int64 seed = 0;

  void visit(auto&& f) {
    f("path", path, "holds a directory per class, or train/ and test/ (or val/) with one per class each");
    f("size", size, "side to which images are resized", between(1, 4096));
    f("channels", channels, "1 grey, 3 colour", between(1, 3));
    f("test", test, "part of each class drawn for the test set where there is no test/",
      Limits{0, 1, true, true});
    f("seed", seed, "of that draw", at_least(0));
  }
};

/// Classes are the directories in the order of their names; pixels are normalised by the mean and deviation
/// of the training images. Files that end in neither .png, .jpg nor .jpeg are passed over. `path` is looked
/// for as given, then where data sets are. Throws DataError for a missing folder, no or one class, a class
/// without images, a file that is no image.
Data open_folder(const FolderOptions& options, const DataPlaces& places);

}  // namespace gradus
