#include "data/folder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/error.h"
#include "core/image.h"
#include "core/rng.h"
#include "core/threads.h"
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

bool is_image(const fs::path& path) {
  std::string end = path.extension().string();
  std::transform(end.begin(), end.end(), end.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return end == ".png" || end == ".jpg" || end == ".jpeg";
}

std::vector<std::string> class_names(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& p : entries(folder, true)) names.push_back(p.filename().string());
  if (names.size() < 2 || names.size() > 256)
    fail<DataError>("{}: expected 2 to 256 directories, one per class, found {}", folder.string(),
                    names.size());
  return names;
}

std::vector<File> list_files(const fs::path& folder, const std::vector<std::string>& classes) {
  std::vector<File> files;
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const std::size_t before = files.size();
    for (const fs::path& p : entries(folder / classes[c], false))
      if (is_image(p)) files.push_back({p.string(), static_cast<int64>(c)});
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
  if (o.channels == 2) fail<UsageError>("data set folder: channels = 2: needs 1 (grey) or 3 (colour)");
  const fs::path root = find_folder(o.path, places);
  DatasetInfo info;
  info.name = "folder";
  info.example = {o.channels, o.size, o.size};
  fs::path train = root, test;
  if (fs::is_directory(root / "train")) {
    train = root / "train";
    for (const char* name : {"test", "val"})
      if (test.empty() && fs::is_directory(root / name)) test = root / name;
  }
  info.class_names = class_names(train);
  info.classes = static_cast<int64>(info.class_names.size());
  std::vector<File> train_files = list_files(train, info.class_names);
  const std::vector<File> test_files = test.empty()
                                           ? draw_test(train_files, info.class_names.size(), o.test, o.seed)
                                           : list_files(test, info.class_names);
  Data data;
  data.train = load(info, train_files, true);
  data.test = load(info, test_files, false);
  return data;
}

}  // namespace gradus
