#include "data/folder.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/image.h"
#include "core/md5.h"
#include "core/rng.h"
#include "core/threads.h"
#include "core/utf8.h"
#include "data/fitted.h"
#include "data/images.h"
#include "data/places.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

struct File {
  std::string path;
  int64 label;
};

// Entries of a directory in the order of their names, hidden ones left out.
std::vector<fs::path> entries(const fs::path& folder, bool directories) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (!it->path().filename().string().starts_with('.') && it->is_directory() == directories)
      found.push_back(it->path());
  if (error) fail<DataError>("{}: cannot list: {}", folder.string(), error.message());
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::string> directories(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& p : entries(folder, true)) {
    names.push_back(p.filename().string());
    if (const auto at = first_invalid_utf8(names.back()))
      fail<DataError>("{}: byte {} of the directory's name is not UTF-8: it cannot name a class; rename it",
                      printable(p.string()), *at);
  }
  return names;
}

std::vector<std::string> class_names(const fs::path& folder, std::size_t least) {
  const std::vector<std::string> names = directories(folder);
  if (names.size() < least || names.size() > 256)
    fail<DataError>("{}: expected {} to 256 directories, one per class, found {}", folder.string(), least,
                    names.size());
  return names;
}

// The image files of the classes that `folder` has. Throws DataError for a directory that is none of `classes`.
std::vector<File> list_files(const fs::path& folder, const std::vector<std::string>& classes) {
  std::vector<File> files;
  const std::vector<std::string> own = directories(folder);
  std::vector<std::string> unknown;
  for (const std::string& name : own)
    if (std::find(classes.begin(), classes.end(), name) == classes.end()) unknown.push_back(name);
  if (!unknown.empty())
    fail<DataError>("{}: the training images have no class {}; they have: {}", folder.string(),
                    fmt::join(unknown, ", "), fmt::join(classes, ", "));
  for (std::size_t c = 0; c < classes.size(); ++c) {
    if (std::find(own.begin(), own.end(), classes[c]) == own.end()) continue;
    const std::size_t before = files.size();
    for (const fs::path& p : entries(folder / classes[c], false))
      if (is_image_name(p.string())) files.push_back({p.string(), static_cast<int64>(c)});
    if (files.size() == before)
      fail<DataError>("{}: expected PNG or JPEG files, found none", (folder / classes[c]).string());
  }
  return files;
}

DatasetPtr load(DatasetInfo& info, const std::vector<File>& files, bool measure) {
  const int64 c = info.example[0], h = info.example[1], w = info.example[2], numel = info.example.numel();
  ByteBuffer pixels(files.size() * static_cast<std::size_t>(numel));
  std::vector<std::exception_ptr> errors(files.size());  // none may leave a parallel region
  parallel_for(static_cast<int64>(files.size()), 4, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) try {
        const Image image =
            resize(read_image(files[static_cast<std::size_t>(i)].path, static_cast<int>(c)), h, w);
        std::copy(image.pixels.begin(), image.pixels.end(), pixels.data() + i * numel);
      } catch (...) {
        errors[static_cast<std::size_t>(i)] = std::current_exception();
      }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  std::vector<std::uint8_t> labels;
  std::vector<const std::uint8_t*> images;
  for (std::size_t i = 0; i < files.size(); ++i) {
    labels.push_back(static_cast<std::uint8_t>(files[i].label));
    images.push_back(pixels.data() + i * static_cast<std::size_t>(numel));
  }
  if (measure) measure_pixels(info, images);
  return std::make_shared<ImageSet>(info, std::move(pixels), std::move(labels));
}

// Takes part of each class, at least one and not all, out of `files`.
std::vector<File> draw_test(std::vector<File>& files, std::size_t classes, double fraction, int64 seed) {
  std::vector<File> train, test;
  for (std::size_t c = 0; c < classes; ++c) {
    std::vector<File> own;
    for (const File& f : files)
      if (f.label == static_cast<int64>(c)) own.push_back(f);
    const auto n = static_cast<int64>(own.size());
    if (n < 2)
      fail<DataError>("{}: expected at least two images to split into training and test", own[0].path);
    const auto take =
        std::clamp<int64>(static_cast<int64>(fraction * static_cast<double>(n) + 0.5), 1, n - 1);
    const auto order = Rng(static_cast<std::uint64_t>(seed)).fork("split").fork(c).permutation(n);
    for (int64 i = 0; i < n; ++i) {
      const bool drawn = std::find(order.begin(), order.begin() + take, i) != order.begin() + take;
      (drawn ? test : train).push_back(own[static_cast<std::size_t>(i)]);
    }
  }
  files = train;
  return test;
}

// Names, sizes and beginnings of all files.
std::string folder_digest(const std::vector<File>& files) {
  constexpr std::uint64_t kBeginning = 4096;
  Md5 digest;
  for (const File& f : files) {
    const ByteSourcePtr source = open_raw_file(f.path);
    const std::string title =
        fmt::format("{} {} {}\n", f.label, fs::path(f.path).filename().string(), source->remaining_bound());
    digest.update(title.data(), title.size());
    const ByteBuffer bytes = source->read(std::min(kBeginning, source->remaining_bound()), "the beginning");
    digest.update(bytes.data(), bytes.size());
  }
  return digest.hex();
}

fs::path find_folder(const std::string& path, const DataPlaces& places) {
  if (path.empty()) fail<UsageError>("data set folder: needs path=DIR");
  std::vector<std::string> tried{path};
  if (!fs::path(path).is_absolute())
    for (const std::string& root : data_roots(places)) tried.push_back((fs::path(root) / path).string());
  for (const std::string& folder : tried)
    if (std::error_code error; fs::is_directory(folder, error)) return folder;
  fail<DataError>("data set folder: no directory {}", fmt::join(tried, " or "));
}

}  // namespace

Data open_folder(const FolderOptions& o, const DataPlaces& places) {
  constexpr int64 kUsualSize = 32, kColour = 3;
  constexpr double kUsualTest = 0.2;
  if (o.channels == 2) fail<UsageError>("data set folder: channels = 2: needs 1 (grey) or 3 (colour)");
  const fs::path root = find_folder(o.path, places);
  const bool trained = places.fitted && places.fitted->example.rank() == 3;
  const Shape usual = trained ? places.fitted->example : Shape{kColour, kUsualSize, kUsualSize};
  DatasetInfo info;
  info.name = "folder";
  info.example = {o.channels.value_or(usual[0]), o.size.value_or(usual[1]), o.size.value_or(usual[2])};
  fs::path train = root, test;
  if (fs::is_directory(root / "train")) {
    train = root / "train";
    for (const char* name : {"test", "val"})
      if (test.empty() && fs::is_directory(root / name)) test = root / name;
  }
  info.class_names = class_names(train, places.fitted ? 1 : 2);
  info.classes = static_cast<int64>(info.class_names.size());
  std::vector<File> train_files = list_files(train, info.class_names), test_files;
  if (test.empty()) {
    info.digest = folder_digest(train_files);
    const double part = test_part(o.test, kUsualTest, places, info.digest);
    if (part >= 1)
      test_files.swap(train_files);
    else
      test_files = draw_test(train_files, info.class_names.size(), part, o.seed);
  } else {
    test_files = list_files(test, info.class_names);
    if (test_files.empty()) fail<DataError>("{}: expected a directory per class, found none", test.string());
  }
  Data data;
  if (!train_files.empty()) data.train = load(info, train_files, true);
  data.test = load(info, test_files, train_files.empty());
  return data;
}

}  // namespace gradus
