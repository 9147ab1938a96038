#include "apps/papers/experiment.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/error.h"

namespace gradus {
namespace {

// Holds an exclusive lock on a file while alive.
class FileLock {
 public:
  explicit FileLock(const std::string& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (file_ < 0) fail<DataError>("{}: cannot open: {}", path, std::strerror(errno));
    while (::flock(file_, LOCK_EX) != 0)
      if (errno != EINTR) fail<DataError>("{}: cannot lock: {}", path, std::strerror(errno));
  }
  ~FileLock() { ::close(file_); }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_;
};

Claim comparison(const char* kind, const std::string& a, const std::string& b, const std::string& metric,
                 double margin) {
  return {kind, metric, {a, b}, margin, less_is_better(metric), true};
}

}  // namespace

bool less_is_better(const std::string& metric) {
  for (const char* end : {"loss", "error", "steps", "rounds", "seconds", "perplexity", "bytes", "evaluations",
                          "regret", "distance", "forgetting"})
    if (metric.ends_with(end)) return true;
  return false;
}

const std::string& Trial::word(const std::string& key) const {
  std::vector<std::string> names;
  for (const auto& [name, value] : options) {
    if (name == key) return value;
    names.push_back(name);
  }
  throw UsageError(unknown_name("option of the arm", key, names));
}
double Trial::number(const std::string& key) const {
  double value = 0;
  parse_option(word(key), &value, {}, key);
  return value;
}
int64 Trial::integer(const std::string& key) const {
  int64 value = 0;
  parse_option(word(key), &value, {}, key);
  return value;
}

std::string Trial::base(const std::string& name, const std::function<void(const std::string&)>& make) const {
  namespace fs = std::filesystem;
  fs::create_directories(folder);
  const std::string path = folder + "/" + name, partial = path + ".making";
  const FileLock lock(path + ".lock");
  if (fs::exists(path)) return path;
  make(partial);
  fs::rename(partial, path);
  return path;
}

Arm& Arm::set(const std::string& key, const std::string& value) {
  set_.emplace_back(key, value);
  return *this;
}
Arm& Arm::setting(const std::string& name) {
  setting_ = name;
  return *this;
}
Arm& Arm::run(RunFunction function, OptionList options) {
  function_ = std::move(function);
  options_ = std::move(options);
  return *this;
}
Arm& Arm::tune(const std::string& key, const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double v : values) texts.push_back(fmt::format("{}", v));
  return tune(key, texts);
}
Arm& Arm::tune(const std::string& key, const std::vector<std::string>& values) {
  if (values.empty()) fail<UsageError>("arm {}: no value to try for {}", name_, key);
  grid_.push_back({key, values});
  return *this;
}
Arm& Arm::untuned(const std::string& why) {
  untuned_ = why;
  return *this;
}

Claim& Claim::reported_only() {
  central = false;
  return *this;
}
Claim better(const std::string& a, const std::string& b, const std::string& metric, double margin) {
  return comparison("better", a, b, metric, margin);
}
Claim not_worse(const std::string& a, const std::string& b, const std::string& metric, double margin) {
  return comparison("not worse", a, b, metric, margin);
}
Claim equal(const std::string& a, const std::string& b, const std::string& metric, double margin) {
  return comparison("equal", a, b, metric, margin);
}
Claim at_most(const std::string& a, const std::string& metric, double bound) {
  return {"at most", metric, {a}, bound, true, true};
}
Claim at_least(const std::string& a, const std::string& metric, double bound) {
  return {"at least", metric, {a}, bound, false, true};
}
Claim ratio_at_most(const std::string& a, const std::string& b, const std::string& metric, double ratio) {
  return {"ratio", metric, {a, b}, ratio, true, true};
}
Claim rate_at_most(const std::string& a, const std::string& curve, double exponent) {
  return {"rate", curve, {a}, exponent, true, true};
}

void Experiment::setting(const std::string& name, const TrainConfig& config) {
  for (const NamedSetting& s : settings_)
    if (s.name == name) fail<UsageError>("the experiment has two settings named '{}'", name);
  settings_.push_back({name, config});
}
Arm& Experiment::arm(const std::string& name) {
  for (const Arm& a : arms_)
    if (a.name() == name) fail<UsageError>("the experiment has two arms named '{}'", name);
  return arms_.emplace_back(name);
}
void Experiment::claim(const std::string& text, const Claim& claim) { claims_.push_back({text, claim}); }
void Experiment::tune_for(const std::string& metric) { tune_for_ = metric; }
void Experiment::seeds(int64 count, int64 tuning) {
  seeds_ = count;
  tuning_seeds_ = tuning;
}
void Experiment::quick(OptionList changes) { quick_ = std::move(changes); }

}  // namespace gradus
