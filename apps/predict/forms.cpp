#include "apps/predict/forms.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/npy.h"
#include "data/class_counts.h"

namespace gradus {
namespace {

// RFC 4180: quoted where it would otherwise be misread.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

class CsvPredictions : public PredictionWriter {
 public:
  CsvPredictions(const std::string& path, PredictionKind kind) : file_(path), kind_(std::move(kind)) {}

  void add(const Prediction& p) override {
    std::string line;
    if (std::exchange(first_, false)) line = header(p);
    line += csv_field(p.file) + "," + (p.row ? fmt::format("{}", *p.row) : "");
    if (kind_.of_classes()) {
      const int64 best = kind_.likely(p, 1)[0];
      line += fmt::format(",{},{}", csv_field(kind_.name(best)), p.values[static_cast<size_t>(best)]);
    }
    if (kind_.task == Task::kAutoencoder)
      line += fmt::format(",{}", p.error);
    else
      for (const double v : p.values) line += fmt::format(",{}", v);
    file_.write(line + "\n");
  }
  void commit() override { file_.commit(); }

 private:
  std::string header(const Prediction& p) const {
    std::string line = "file,row";
    if (kind_.task == Task::kAutoencoder) return line + ",error\n";
    if (kind_.of_classes()) line += ",class,probability";
    for (size_t i = 0; i < p.values.size(); ++i)
      line += kind_.of_classes()     ? "," + csv_field("p_" + kind_.name(static_cast<int64>(i)))
              : p.values.size() == 1 ? ",prediction"
                                     : fmt::format(",prediction_{}", i);
    return line + "\n";
  }

  AtomicFile file_;
  PredictionKind kind_;
  bool first_ = true;
};

class JsonPredictions : public PredictionWriter {
 public:
  JsonPredictions(const std::string& path, PredictionKind kind) : file_(path), kind_(std::move(kind)) {}

  void add(const Prediction& p) override {
    nlohmann::ordered_json json = {{"file", p.file}};
    if (p.row) json["row"] = *p.row;
    if (kind_.of_classes()) {
      const int64 best = kind_.likely(p, 1)[0];
      json["class"] = kind_.name(best);
      json["label"] = best;
      json["probability"] = p.values[static_cast<size_t>(best)];
      auto& all = json["probabilities"] = nlohmann::ordered_json::object();
      for (size_t i = 0; i < p.values.size(); ++i) all[kind_.name(static_cast<int64>(i))] = p.values[i];
    } else if (kind_.task == Task::kAutoencoder) {
      json["error"] = p.error;
    } else {
      json["prediction"] =
          p.values.size() == 1 ? nlohmann::ordered_json(p.values[0]) : nlohmann::ordered_json(p.values);
    }
    file_.write(json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  }
  void commit() override { file_.commit(); }

 private:
  AtomicFile file_;
  PredictionKind kind_;
};

class NpyPredictions : public PredictionWriter {
 public:
  explicit NpyPredictions(const std::string& path) : file_(path) {}

  void add(const Prediction& p) override {
    width_ = static_cast<int64>(p.values.size());
    for (const double v : p.values) values_.push_back(static_cast<real>(v));
  }
  void commit() override {
    file_.write(npy_bytes(
        Tensor::from({static_cast<int64>(values_.size()) / std::max<int64>(width_, 1), width_}, values_)));
    file_.commit();
  }

 private:
  AtomicFile file_;
  int64 width_ = 0;
  std::vector<real> values_;
};

std::string form_of(const std::string& path) { return std::filesystem::path(path).extension().string(); }

}  // namespace

std::string PredictionKind::name(int64 k) const {
  if (task == Task::kLanguageModel && k < static_cast<int64>(info.vocabulary.size()))
    return info.vocabulary[static_cast<size_t>(k)];
  return class_name(info, k);
}

std::vector<int64> PredictionKind::likely(const Prediction& p, int64 top) const {
  std::vector<int64> order(p.values.size());
  std::iota(order.begin(), order.end(), int64{0});
  const auto n = static_cast<std::ptrdiff_t>(std::min<size_t>(static_cast<size_t>(top), order.size()));
  std::partial_sort(order.begin(), order.begin() + n, order.end(), [&](int64 a, int64 b) {
    const double x = p.values[static_cast<size_t>(a)], y = p.values[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  });
  order.resize(static_cast<size_t>(n));
  return order;
}

void check_predictions_path(const std::string& path) {
  const std::string form = form_of(path);
  if (form != ".csv" && form != ".jsonl" && form != ".npy")
    fail<UsageError>("--out {}: the name of the file says its form: .csv, .jsonl or .npy", path);
}

std::unique_ptr<PredictionWriter> PredictionWriter::open(const std::string& path,
                                                         const PredictionKind& kind) {
  check_predictions_path(path);
  if (form_of(path) == ".csv") return std::make_unique<CsvPredictions>(path, kind);
  if (form_of(path) == ".jsonl") return std::make_unique<JsonPredictions>(path, kind);
  return std::make_unique<NpyPredictions>(path);
}

}  // namespace gradus
