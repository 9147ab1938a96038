#include "data/cifar.h"

#include "core/error.h"
#include "data/images.h"
#include "data/places.h"

namespace gradus {
namespace {

constexpr int64 kPixels = 3 * 32 * 32;
constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 31;

const std::vector<std::string> kCifar10 = {"airplane", "automobile", "bird",  "cat",  "deer",
                                           "dog",      "frog",       "horse", "ship", "truck"};
const std::vector<std::string> kCoarse = {"aquatic mammals",
                                          "fish",
                                          "flowers",
                                          "food containers",
                                          "fruit and vegetables",
                                          "household electrical devices",
                                          "household furniture",
                                          "insects",
                                          "large carnivores",
                                          "large man-made outdoor things",
                                          "large natural outdoor scenes",
                                          "large omnivores and herbivores",
                                          "medium-sized mammals",
                                          "non-insect invertebrates",
                                          "people",
                                          "reptiles",
                                          "small mammals",
                                          "trees",
                                          "vehicles 1",
                                          "vehicles 2"};
const std::vector<std::string> kFine = {
    "apple",      "aquarium fish", "baby",         "bear",       "beaver",      "bed",         "bee",
    "beetle",     "bicycle",       "bottle",       "bowl",       "boy",         "bridge",      "bus",
    "butterfly",  "camel",         "can",          "castle",     "caterpillar", "cattle",      "chair",
    "chimpanzee", "clock",         "cloud",        "cockroach",  "couch",       "crab",        "crocodile",
    "cup",        "dinosaur",      "dolphin",      "elephant",   "flatfish",    "forest",      "fox",
    "girl",       "hamster",       "house",        "kangaroo",   "keyboard",    "lamp",        "lawn mower",
    "leopard",    "lion",          "lizard",       "lobster",    "man",         "maple tree",  "motorcycle",
    "mountain",   "mouse",         "mushroom",     "oak tree",   "orange",      "orchid",      "otter",
    "palm tree",  "pear",          "pickup truck", "pine tree",  "plain",       "plate",       "poppy",
    "porcupine",  "possum",        "rabbit",       "raccoon",    "ray",         "road",        "rocket",
    "rose",       "sea",           "seal",         "shark",      "shrew",       "skunk",       "skyscraper",
    "snail",      "snake",         "spider",       "squirrel",   "streetcar",   "sunflower",   "sweet pepper",
    "table",      "tank",          "telephone",    "television", "tiger",       "tractor",     "train",
    "trout",      "tulip",         "turtle",       "wardrobe",   "whale",       "willow tree", "wolf",
    "woman",      "worm"};

DatasetPtr open_split(const DatasetInfo& info, const std::vector<std::string>& files, int64 label_bytes,
                      int64 label_byte) {
  std::vector<ByteBuffer> storage;
  std::vector<const std::uint8_t*> images;
  std::vector<std::uint8_t> labels;
  for (const std::string& path : files) {
    CifarFile file = read_cifar(*open_file(path), label_bytes, label_byte, info.classes);
    for (int64 r = 0; r < file.records; ++r) {
      const std::uint8_t* record = file.bytes.data() + r * (label_bytes + kPixels);
      labels.push_back(record[label_byte]);
      images.push_back(record + label_bytes);
    }
    storage.push_back(std::move(file.bytes));
  }
  return std::make_shared<ImageSet>(info, std::move(storage), std::move(images), std::move(labels));
}

DatasetInfo cifar_info(const char* name, std::vector<std::string> classes, std::vector<double> mean,
                       std::vector<double> std) {
  DatasetInfo info;
  info.name = name;
  info.example = {3, 32, 32};
  info.classes = static_cast<int64>(classes.size());
  info.class_names = std::move(classes);
  info.mean = std::move(mean);
  info.std = std::move(std);
  return info;
}

}  // namespace

CifarFile read_cifar(ByteSource& source, int64 label_bytes, int64 label_byte, int64 classes) {
  CifarFile file{source.read_all(kMaxFile)};
  const int64 record = label_bytes + kPixels, size = static_cast<int64>(file.bytes.size());
  file.records = size / record;
  if (size == 0 || size % record)
    source.complain(fmt::format("expected whole CIFAR records of {} bytes, found {} and {} bytes more",
                                record, file.records, size % record));
  for (int64 r = 0; r < file.records; ++r)
    if (const int label = file.bytes.data()[r * record + label_byte]; label >= classes)
      fail<DataError>("{}: at offset {}: expected a label 0..{}, found {}", source.name(),
                      r * record + label_byte, classes - 1, label);
  return file;
}

Data open_cifar10(const DataPlaces& places) {
  const DatasetInfo info =
      cifar_info("cifar10", kCifar10, {0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616});
  std::vector<std::string> train;
  for (int i = 1; i <= 5; ++i)
    train.push_back(find_data_file("cifar10", fmt::format("data_batch_{}.bin", i), places));
  return {open_split(info, train, 1, 0),
          open_split(info, {find_data_file("cifar10", "test_batch.bin", places)}, 1, 0)};
}

Data open_cifar100(const Cifar100Options& options, const DataPlaces& places) {
  const bool fine = options.labels == "fine";
  const DatasetInfo info =
      cifar_info("cifar100", fine ? kFine : kCoarse, {0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762});
  return {open_split(info, {find_data_file("cifar100", "train.bin", places)}, 2, fine),
          open_split(info, {find_data_file("cifar100", "test.bin", places)}, 2, fine)};
}

}  // namespace gradus
