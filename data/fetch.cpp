#include "data/fetch.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include "core/atomic_file.h"
#include "core/byte_source.h"
#include "core/error.h"
#include "core/md5.h"
#include "data/download.h"
#include "data/tar.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Packing = FetchFile::Packing;

constexpr std::size_t kPiece = 1 << 16;

// The sum of a file as it lies there.
std::string md5_of(const fs::path& path) {
  Md5 md5;
  const ByteSourcePtr source = open_raw_file(path.string());
  std::vector<std::uint8_t> piece(kPiece);
  while (const std::uint64_t left = source->remaining_bound()) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
    source->read(piece.data(), n, "the file");
    md5.update(piece.data(), n);
  }
  return md5.hex();
}

void check_sum(const FetchFile& file, const std::string& url, const std::string& found) {
  if (found != file.md5)
    fail<DataError>("{}: expected the MD5 sum {}, found {}: not the file it should be; nothing of it is kept",
                    url, file.md5, found);
}

void unpack_gzip(const FetchFile& file, const fs::path& packed, const fs::path& out, const std::string& url) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 32;
  const ByteBuffer contents = open_file(packed.string())->read_all(kMost);
  Md5 md5;
  md5.update(contents.data(), contents.size());
  check_sum(file, url, md5.hex());
  AtomicFile to(out.string());
  to.write(contents.data(), contents.size());
  to.commit();
}

void unpack_tar(const FetchFile& file, const fs::path& archive, const fs::path& folder) {
  std::vector<std::string> missing = file.keep;
  std::unique_ptr<AtomicFile> out;
  const auto finish = [&] {
    if (out) out->commit();
    out.reset();
  };
  read_tar(*open_file(archive.string()), [&](const std::string& path, std::uint64_t) -> TarSink {
    finish();
    const std::string name = fs::path(path).filename().string();
    const auto wanted = std::find(missing.begin(), missing.end(), name);
    if (wanted == missing.end()) return {};
    missing.erase(wanted);
    out = std::make_unique<AtomicFile>((folder / name).string());
    return [&out](const std::uint8_t* bytes, std::size_t n) { out->write(bytes, n); };
  });
  finish();
  if (!missing.empty())
    fail<DataError>("{}: expected the file {} in the archive", archive.string(), missing[0]);
}

// Downloads one file into the staging folder and turns it into its results there.
void fetch_file(const FetchFile& file, const std::string& url, const fs::path& staging,
                const FetchOptions& options) {
  const fs::path part = staging / (file.name + ".part");
  options.log("fetching " + url);
  if (const DownloadResult result = download(url, part.string()); result.code) {
    std::error_code ignored;
    const bool keep = result.broken_off() && fs::exists(part, ignored) && fs::file_size(part, ignored) > 0;
    if (!keep) fs::remove(part, ignored);
    fail<DataError>("{}: cannot download: {}{}", url, result.message,
                    keep ? "; the same command goes on from where it broke off" : "");
  }
  try {
    switch (file.packing) {
      case Packing::kPlain:
        check_sum(file, url, md5_of(part));
        fs::rename(part, staging / file.name);
        return;
      case Packing::kGzip:
        unpack_gzip(file, part, staging / file.results()[0], url);
        break;
      case Packing::kTarGz:
        check_sum(file, url, md5_of(part));
        options.log("unpacking " + file.name);
        unpack_tar(file, part, staging);
        break;
    }
    fs::remove(part);
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
}

bool all_there(const FetchFile& file, const fs::path& folder) {
  const std::vector<std::string> results = file.results();
  return std::all_of(results.begin(), results.end(), [&](const std::string& name) {
    std::error_code ignored;
    return fs::is_regular_file(folder / name, ignored);
  });
}

// Removes everything but parts of broken-off downloads and finished files beside them, which the next call
// uses.
void clean_up(const fs::path& staging, const fs::path& root, bool root_is_new) {
  std::error_code ignored;
  bool resumable = false;
  for (const fs::directory_entry& e : fs::directory_iterator(staging, ignored))
    resumable = resumable || e.path().extension() == ".part";
  if (resumable) return;
  fs::remove_all(staging, ignored);
  if (root_is_new) fs::remove(root, ignored);
}

}  // namespace

std::vector<std::string> FetchFile::results() const {
  switch (packing) {
    case Packing::kGzip:
      return {name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name};
    case Packing::kTarGz:
      return keep;
    case Packing::kPlain:
      break;
  }
  return {name};
}

const std::vector<FetchRecipe>& fetch_recipes() {
  // The sums of gzip files are of the contents, so that a mirror may have packed them anew.
  static const std::vector<FetchRecipe> table = {
      {"mnist",
       "https://ossci-datasets.s3.amazonaws.com/mnist",
       {{"train-images-idx3-ubyte.gz", "6bbc9ace898e44ae57da46a324031adb", Packing::kGzip, {}},
        {"train-labels-idx1-ubyte.gz", "a25bea736e30d166cdddb491f175f624", Packing::kGzip, {}},
        {"t10k-images-idx3-ubyte.gz", "2646ac647ad5339dbf082846283269ea", Packing::kGzip, {}},
        {"t10k-labels-idx1-ubyte.gz", "27ae3e4e09519cfbb04c329615203637", Packing::kGzip, {}}}},
      {"fashion-mnist",
       "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
       {{"train-images-idx3-ubyte.gz", "f4a8712d7a061bf5bd6d2ca38dc4d50a", Packing::kGzip, {}},
        {"train-labels-idx1-ubyte.gz", "9018921c3c673c538a1fc5bad174d6f9", Packing::kGzip, {}},
        {"t10k-images-idx3-ubyte.gz", "8181f5470baa50b63fa0f6fddb340f0a", Packing::kGzip, {}},
        {"t10k-labels-idx1-ubyte.gz", "15d484375f8d13e6eb1aabb0c3f46965", Packing::kGzip, {}}}},
      {"cifar10",
       "https://www.cs.toronto.edu/~kriz",
       {{"cifar-10-binary.tar.gz",
         "c32a1d4ab5d03f1284b67883e8d87530",
         Packing::kTarGz,
         {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",
          "test_batch.bin"}}}},
      {"cifar100",
       "https://www.cs.toronto.edu/~kriz",
       {{"cifar-100-binary.tar.gz",
         "03b5dce01913d631647c71ecec9e9cb8",
         Packing::kTarGz,
         {"train.bin", "test.bin"}}}},
      {"tinyshakespeare",
       "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare",
       {{"input.txt", "6fb458f1232090904fb40fe944165e91", Packing::kPlain, {}}}},
  };
  return table;
}

const FetchRecipe& find_recipe(const std::string& name) {
  std::vector<std::string> names;
  for (const FetchRecipe& r : fetch_recipes()) {
    if (r.name == name) return r;
    names.push_back(r.name);
  }
  throw UsageError(unknown_name("data set to fetch", name, names));
}

std::string fetch(const FetchRecipe& recipe, const FetchOptions& options) {
  const fs::path root = options.root, folder = root / recipe.name,
                 staging = root / (recipe.name + ".fetching");
  const auto complete = [&](const fs::path& where) {
    return std::all_of(recipe.files.begin(), recipe.files.end(),
                       [&](const FetchFile& f) { return all_there(f, where); });
  };
  if (complete(folder)) {
    options.log(folder.string() + " is complete already");
    return folder.string();
  }
  std::error_code ignored;
  const bool root_is_new = !fs::exists(root, ignored);
  try {
    fs::create_directories(staging);
    for (const FetchFile& file : recipe.files) {
      if (all_there(file, staging)) continue;  // of an earlier call that broke off
      std::string base = options.mirror.empty() ? recipe.source : options.mirror;
      while (base.ends_with('/')) base.pop_back();
      fetch_file(file, base + (options.mirror.empty() ? "/" : "/" + recipe.name + "/") + file.name, staging,
                 options);
    }
    fs::create_directories(folder);
    for (const FetchFile& file : recipe.files)
      for (const std::string& name : file.results()) fs::rename(staging / name, folder / name);
    fs::remove_all(staging);
  } catch (const fs::filesystem_error& e) {
    clean_up(staging, root, root_is_new);
    fail<DataError>("{}: {}", e.path1().string(), e.code().message());
  } catch (...) {
    clean_up(staging, root, root_is_new);
    throw;
  }
  options.log(folder.string() + " is ready");
  return folder.string();
}

}  // namespace gradus
