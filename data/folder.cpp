#include "data/folder.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/image.h"
#include "core/image_fit.h"
#include "core/kept_memory.h"
#include "core/md5.h"
#include "core/rng.h"
#include "core/threads.h"
#include "core/utf8.h"
#include "data/fitted.h"
#include "data/images.h"
#include "data/pixel_cache.h"
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

// Everything the pixels of these files depend on.
std::string cache_key(const DatasetInfo& info, const std::vector<File>& files, bool skip_bad) {
  std::string key = fmt::format("{} {} {}", info.example.str(), info.fit, skip_bad);
  for (const File& f : files) {
    std::error_code error;
    const auto size = fs::file_size(f.path, error);
    const auto time = fs::last_write_time(f.path, error).time_since_epoch().count();
    key += fmt::format("\n{} {} {}", fs::absolute(f.path, error).string(), size, time);
  }
  return key;
}

// The pixels of all files, one after the other, then a byte a file: 1 where it could be read. What is bad is put into `errors`.
ByteBuffer decode(const DatasetInfo& info, const std::vector<File>& files,
                  std::vector<std::exception_ptr>& errors) {
  const int64 c = info.example[0], h = info.example[1], w = info.example[2], numel = info.example.numel();
  const auto n = static_cast<int64>(files.size());
  ByteBuffer pixels(files.size() * static_cast<std::size_t>(numel + 1));
  std::uint8_t* good = pixels.data() + n * numel;
  keep_freed_memory();
  parallel_for(n, 4, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) try {
        const Image image = fit_image(
            read_image(files[static_cast<std::size_t>(i)].path, static_cast<int>(c)), h, w, info.fit);
        std::copy(image.pixels.begin(), image.pixels.end(), pixels.data() + i * numel);
        good[i] = 1;
      } catch (...) {  // none may leave a parallel region
        std::fill_n(pixels.data() + i * numel, numel, std::uint8_t{0});
        good[i] = 0;
        errors[static_cast<std::size_t>(i)] = std::current_exception();
      }
  });
  return pixels;
}

// Pictures in memory, before they are a data set.
struct Loaded {
  std::vector<ByteBuffer> storage;
  std::vector<const std::uint8_t*> images;
  std::vector<std::uint8_t> labels;
  DatasetPtr set(const DatasetInfo& info) {
    return std::make_shared<ImageSet>(info, std::move(storage), std::move(images), std::move(labels));
  }
};

// What is passed over is named in the notes of `info`.
Loaded load(DatasetInfo& info, const std::vector<File>& files, const FolderOptions& o) {
  Loaded loaded;
  if (files.empty()) return loaded;
  const auto numel = static_cast<std::size_t>(info.example.numel());
  ByteBuffer pixels =
      cached_pixels(o.cache, cache_key(info, files, o.skip_bad), files.size() * (numel + 1), [&] {
        std::vector<std::exception_ptr> errors(files.size());
        ByteBuffer decoded = decode(info, files, errors);
        for (const std::exception_ptr& error : errors)
          if (error && !o.skip_bad) std::rethrow_exception(error);
        return decoded;
      });
  const std::uint8_t* good = pixels.data() + files.size() * numel;
  std::vector<std::string> bad;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!good[i]) {
      bad.push_back(files[i].path);
      continue;
    }
    loaded.labels.push_back(static_cast<std::uint8_t>(files[i].label));
    loaded.images.push_back(pixels.data() + i * numel);
  }
  constexpr std::size_t kNamed = 10;
  for (std::size_t i = 0; i < std::min(bad.size(), kNamed); ++i)
    info.notes.push_back(fmt::format("passed over, no whole PNG or JPEG: {}", printable(bad[i])));
  if (bad.size() > kNamed) info.notes.push_back(fmt::format("passed over, and {} more", bad.size() - kNamed));
  if (loaded.images.empty())
    fail<DataError>("{}: none of {} files is a whole PNG or JPEG", o.path, files.size());
  loaded.storage.push_back(std::move(pixels));
  return loaded;
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
  info.fit = o.fit != "auto" ? o.fit : trained ? places.fitted->fit : info.fit;
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
  Loaded for_train = load(info, train_files, o), for_test = load(info, test_files, o);
  measure_pixels(info, train_files.empty() ? for_test.images : for_train.images);
  Data data;
  if (!train_files.empty()) data.train = for_train.set(info);
  data.test = for_test.set(info);
  return data;
}

}  // namespace gradus
