#include "data/places.h"

#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "data/fetch.h"

namespace gradus {

namespace fs = std::filesystem;

std::vector<std::string> data_roots(const DataPlaces& places) {
  if (!places.data_dir.empty()) return {places.data_dir};
  std::vector<std::string> roots;
  if (const char* root = std::getenv("GRADUS_DATA"); root && *root) roots.emplace_back(root);
  roots.emplace_back("datasets");
  return roots;
}

std::vector<std::string> data_folders(const std::string& name, const DataPlaces& places) {
  std::vector<std::string> folders;
  for (const std::string& root : data_roots(places)) folders.push_back((fs::path(root) / name).string());
  if (!places.data_dir.empty()) folders.push_back(places.data_dir);
  return folders;
}

std::string find_data_file(const std::string& name, const std::string& file, const DataPlaces& places) {
  const std::vector<std::string> folders = data_folders(name, places);
  for (const std::string& folder : folders)
    for (const char* suffix : {"", ".gz"}) {
      const fs::path path = fs::path(folder) / (file + suffix);
      if (std::error_code error; fs::exists(path, error)) return path.string();
    }
  std::string list;
  for (const std::string& folder : folders) list += (list.empty() ? "" : ", ") + folder;
  std::string remedy;
  for (const FetchRecipe& recipe : fetch_recipes())
    if (recipe.name == name) remedy = fmt::format("'gradus data fetch {}' gets it; ", name);
  fail<DataError>(
      "data set {}: {}[.gz] not found; looked in {}. {}--data-dir DIR or GRADUS_DATA=DIR says where it is; "
      "--data digits needs no file",
      name, file, list, remedy);
}

}  // namespace gradus
