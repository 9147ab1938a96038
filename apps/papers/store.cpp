#include "apps/papers/store.h"

#include <filesystem>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json_file.h"
#include "core/md5.h"

namespace gradus {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunFormat = "gradus-paper-run-1";

std::string sum_of(const nlohmann::ordered_json& outcome) {
  const std::string text = outcome.dump();
  Md5 md5;
  md5.update(text.data(), text.size());
  return md5.hex();
}

// A name as a file name.
std::string file_name(const std::string& name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || (c == '.' && !out.empty());
    out += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail<DataError>("{}: cannot make the folder: {}", path.string(), error.message());
}

}  // namespace

Store::Store(std::string folder, std::function<void(const std::string&)> say)
    : folder_(std::move(folder)), say_(std::move(say)) {}

std::string Store::path_of(const RunSpec& run) const {
  const std::string name = run.tuning() ? fmt::format("trial-{}-seed-{}", run.trial + 1, run.seed)
                                        : fmt::format("final-seed-{}", run.seed);
  return fmt::format("{}/runs/{}/{}.json", folder_, file_name(run.arm), name);
}

std::optional<Outcome> Store::load(const RunSpec& run) const {
  const std::string path = path_of(run);
  if (!fs::exists(path)) return {};
  try {
    const nlohmann::json json = read_json(path);
    if (!json.is_object() || json.value("format", "") != kRunFormat || !json.contains("run") ||
        !json.contains("outcome") || !json.contains("seconds") || !json["seconds"].is_number() ||
        !json.contains("sum"))
      fail<DataError>("{}: not a finished run", path);
    Outcome outcome = outcome_from_json(json["outcome"], path);
    if (json["sum"] != sum_of(outcome_json(outcome))) fail<DataError>("{}: its sum is another one", path);
    if (nlohmann::json(run.identity()) != json["run"]) {
      say_(fmt::format("{}: of other settings; run again", path));
      return {};
    }
    outcome.seconds = json["seconds"].get<double>();
    return outcome;
  } catch (const nlohmann::json::exception&) {
    say_(fmt::format("{}: damaged; run again", path));
  } catch (const DataError& e) {
    say_(fmt::format("damaged: {}; run again", e.what()));
  }
  return {};
}

void Store::save(const RunSpec& run, const Outcome& outcome) const {
  const std::string path = path_of(run);
  make_folder(fs::path(path).parent_path());
  nlohmann::ordered_json json = {
      {"format", kRunFormat}, {"run", run.identity()}, {"outcome", outcome_json(outcome)}};
  json["sum"] = sum_of(json["outcome"]);
  json["seconds"] = outcome.seconds;
  write_file(path, json.dump() + "\n");
}

void Store::clear() const {
  std::error_code error;
  for (const char* name : {"/runs", "/shared", "/result.json"}) {
    fs::remove_all(folder_ + name, error);
    if (error) fail<DataError>("{}{}: cannot remove: {}", folder_, name, error.message());
  }
}

bool Store::empty() const { return !fs::exists(folder_ + "/runs"); }

void Store::save_result(const Record& record) const {
  make_folder(folder_);
  write_file(result_path(), record_text(record));
}

}  // namespace gradus
