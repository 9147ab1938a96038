// CIFAR-10 and CIFAR-100, binary version: records of one label byte (CIFAR-100: coarse, then fine) and 3072
// pixels, the red, the green and the blue plane of 32x32. Krizhevsky, "Learning Multiple Layers of Features
// from Tiny Images", 2009.
#pragma once

#include "core/byte_source.h"
#include "data/registry.h"

namespace gradus {

/// The records of one file: its bytes, of which each record takes label_bytes + 3072.
struct CifarFile {
  ByteBuffer bytes;
  int64 records = 0;
};
/// Throws DataError naming file and offset if the file is empty, ends inside of a record, or if the label
/// byte number `label_byte` of a record is not below `classes`.
CifarFile read_cifar(ByteSource& source, int64 label_bytes, int64 label_byte, int64 classes);

struct Cifar100Options {
  std::string labels = "fine";
  void visit(auto&& f) {
    f("labels", labels, "the 100 classes or the 20 groups of them", choices({"fine", "coarse"}));
  }
};

Data open_cifar10(const DataPlaces& places);
Data open_cifar100(const Cifar100Options& options, const DataPlaces& places);

}  // namespace gradus
