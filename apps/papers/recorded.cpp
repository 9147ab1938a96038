#include "apps/papers/recorded.h"

#include "core/error.h"

namespace gradus {

const Record* recorded_result(const std::string& slug) {
  static std::map<std::string, Record> known;
  if (const auto found = known.find(slug); found != known.end()) return &found->second;
  for (const RecordedFile* file = kRecordedFiles; file->slug; ++file) {
    if (slug != file->slug) continue;
    const std::string source = fmt::format("results/{}.json", slug);
    const auto json = nlohmann::json::parse(file->text, nullptr, false);
    if (json.is_discarded()) fail<DataError>("{}: expected JSON", source);
    return &known.emplace(slug, record_from_json(json, source)).first->second;
  }
  return nullptr;
}

std::string recorded_verdict(const std::string& slug) {
  const Record* record = recorded_result(slug);
  return record ? verdict_name(record->verdict) : "not recorded";
}

}  // namespace gradus
