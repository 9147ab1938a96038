// Fetching data sets: downloads with curl, checks the sum, unpacks, and puts the files in place only when all
// of them are right.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace gradus {

/// One file to download.
struct FetchFile {
  enum class Packing {
    kPlain,  ///< kept as it is; the sum is that of the file
    kGzip,   ///< unpacked; the sum is that of the contents
    kTarGz   ///< `keep` is taken out; the sum is that of the archive
  };
  std::string name;  ///< as the source calls it: "train-images-idx3-ubyte.gz"
  std::string md5;   ///< 32 hexadecimal digits
  Packing packing = Packing::kPlain;
  std::vector<std::string> keep;  ///< kTarGz: the files wanted, whatever folder of the archive they are in

  /// What ends up in the data folder.
  std::vector<std::string> results() const;
};

/// Where a data set comes from.
struct FetchRecipe {
  std::string name;    ///< "mnist"
  std::string source;  ///< URL of the folder the files are in
  std::vector<FetchFile> files;
};

/// The sets that can be fetched.
const std::vector<FetchRecipe>& fetch_recipes();
/// Throws UsageError naming the valid ones.
const FetchRecipe& find_recipe(const std::string& name);

struct FetchOptions {
  std::string root = "datasets";  ///< the files go to ROOT/NAME
  std::string mirror;  ///< URL (http, https, file) of a folder that has NAME/FILE; "": the canonical source
  std::function<void(const std::string&)> log = [](const std::string&) {};  ///< one line a step
};

/// Fetches a set and returns its folder; one that is complete is left alone. Until everything is in place,
/// files live in ROOT/NAME.fetching. A broken connection leaves the part downloaded there and the next call
/// goes on from it; after any other failure (no such file, wrong sum, damaged archive, full disk) nothing is
/// left. Throws DataError.
std::string fetch(const FetchRecipe& recipe, const FetchOptions& options);

}  // namespace gradus
