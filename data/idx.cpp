#include "data/idx.h"

#include "core/error.h"
#include "data/images.h"

namespace gradus {

IdxFile read_idx(ByteSource& source, int axes) {
  constexpr std::uint32_t kUnsignedByte = 0x08;
  const std::uint32_t magic = source.read_u32_be("the IDX magic number");
  const std::uint32_t expected = kUnsignedByte << 8 | static_cast<std::uint32_t>(axes);
  if (magic != expected)
    fail<DataError>(
        "{}: at offset 0: expected the IDX magic number 0x{:08x} (unsigned bytes, {} {}), found 0x{:08x}",
        source.name(), expected, axes, axes == 1 ? "axis" : "axes", magic);
  IdxFile file;
  for (int i = 0; i < axes; ++i) file.dims.push_back(source.read_u32_be("an IDX extent"));
  std::uint64_t total = 1;
  for (const int64 dim : file.dims) {
    const auto extent = static_cast<std::uint64_t>(dim);
    if (extent && total > source.remaining_bound() / extent)
      source.complain(fmt::format("the extents {} ask for more elements than the file can hold",
                                  fmt::join(file.dims, " x ")));
    total *= extent;
  }
  file.bytes = source.read(total, "the IDX elements");
  source.expect_end("the IDX elements");
  return file;
}

DatasetPtr open_idx_split(DatasetInfo info, const std::string& images, const std::string& labels) {
  const ByteSourcePtr image_file = open_file(images), label_file = open_file(labels);
  IdxFile x = read_idx(*image_file, 3);
  const IdxFile y = read_idx(*label_file, 1);
  if (x.dims[0] != y.dims[0])
    fail<DataError>("{}: {} images, but {} has {} labels", images, x.dims[0], labels, y.dims[0]);
  if (x.dims[0] == 0) fail<DataError>("{}: holds no images", images);
  const Shape found{1, x.dims[1], x.dims[2]};
  if (!(found == info.example))
    fail<DataError>("{}: at offset 8: expected images {}, found {}", images, info.example.str(), found.str());
  std::vector<std::uint8_t> classes(y.bytes.data(), y.bytes.data() + y.bytes.size());
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (classes[i] >= info.classes)
      fail<DataError>("{}: at offset {}: expected a label 0..{}, found {}", labels, 8 + i, info.classes - 1,
                      classes[i]);
  return std::make_shared<ImageSet>(std::move(info), std::move(x.bytes), std::move(classes));
}

}  // namespace gradus
