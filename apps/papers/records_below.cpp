#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/papers/report_page.h"
#include "core/error.h"
#include "core/json_file.h"

namespace gradus {

std::vector<Record> records_below(const std::string& folder, std::vector<std::string>& complaints) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail<DataError>("{}: there is no such folder", folder);
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->is_directory() && at->path().filename() == "runs") at.disable_recursion_pending();
    if (at->is_regular_file() && at->path().extension() == ".json") files.push_back(at->path().string());
  }
  if (error) fail<DataError>("{}: cannot be read: {}", folder, error.message());
  std::sort(files.begin(), files.end());
  std::vector<Record> records;
  for (const std::string& file : files) try {
      const nlohmann::json json = read_json(file);
      if (!json.is_object() || !json.value("format", nlohmann::json()).is_string() ||
          !json.at("format").get<std::string>().starts_with("gradus-paper-result"))
        continue;
      Record record = record_from_json(json, file);
      const bool again =
          std::any_of(records.begin(), records.end(), [&](const Record& r) { return r.slug == record.slug; });
      if (again)
        complaints.push_back(
            fmt::format("{}: another result of {} stands before it and is shown", file, record.slug));
      else
        records.push_back(std::move(record));
    } catch (const Error& e) {
      complaints.push_back(e.what());
    }
  return records;
}

}  // namespace gradus
