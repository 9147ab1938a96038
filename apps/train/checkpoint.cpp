#include "apps/train/checkpoint.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "apps/train/parts_checkpoint.h"
#include "core/error.h"
#include "core/tensor_formats.h"
#include "nn/state_dict.h"
#include "optim/elements.h"

namespace gradus {
namespace {

using nlohmann::json;

// Numbers as text: exact, also NaN and infinities, which JSON has not.
std::string exact(double v) { return fmt::format("{}", v); }
double number(const json& j) { return std::strtod(j.get<std::string>().c_str(), nullptr); }

json numbers(const std::map<std::string, double>& values) {
  json j = json::object();
  for (const auto& [name, value] : values) j[name] = exact(value);
  return j;
}
std::map<std::string, double> numbers(const json& j) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : j.items()) values[name] = number(value);
  return values;
}

json state_json(const TrainState& s) {
  return {{"step", s.step},
          {"position", {s.position.epoch, s.position.batch}},
          {"dropout", {s.dropout.seed, s.dropout.stream, s.dropout.counter}},
          {"since_row", score_json(s.since_row)},
          {"since_epoch", score_json(s.since_epoch)},
          {"last_epoch", score_json(s.last_epoch)},
          {"last_test", score_json(s.last_test)},
          {"last_validation", score_json(s.last_validation)},
          {"best_test", numbers(s.best_test)},
          {"best_validation", numbers(s.best_validation)},
          {"evaluation_due", s.evaluation_due},
          {"stopped", s.stopped},
          {"best", s.best ? json(exact(*s.best)) : json()},
          {"best_step", s.best_step},
          {"evaluations_since_best", s.evaluations_since_best},
          {"last_loss", exact(s.last_loss)},
          {"last_scale", exact(s.last_scale)},
          {"total_steps", s.total_steps},
          {"examples", s.examples},
          {"batch_size", s.batch_size},
          {"kept", {s.kept_since_epoch, s.kept_last_epoch}},
          {"seconds", exact(s.seconds)},
          {"schedule", numbers(s.schedule)}};
}

TrainState state_from(const json& j) {
  TrainState s;
  j.at("step").get_to(s.step);
  s.position = {j.at("position").at(0).get<int64>(), j.at("position").at(1).get<int64>()};
  const json& rng = j.at("dropout");
  s.dropout = {rng.at(0).get<std::uint64_t>(), rng.at(1).get<std::uint64_t>(),
               rng.at(2).get<std::uint64_t>()};
  s.since_row = score_from(j.at("since_row"));
  s.since_epoch = score_from(j.at("since_epoch"));
  s.last_epoch = score_from(j.at("last_epoch"));
  s.last_test = score_from(j.at("last_test"));
  if (j.contains("last_validation")) {  // a checkpoint of an older gradus has none
    s.last_validation = score_from(j.at("last_validation"));
    s.best_test = numbers(j.at("best_test"));
    s.best_validation = numbers(j.at("best_validation"));
  }
  j.at("evaluation_due").get_to(s.evaluation_due);
  j.at("stopped").get_to(s.stopped);
  if (!j.at("best").is_null()) s.best = number(j.at("best"));
  j.at("best_step").get_to(s.best_step);
  j.at("evaluations_since_best").get_to(s.evaluations_since_best);
  s.last_loss = number(j.at("last_loss"));
  s.last_scale = number(j.at("last_scale"));
  j.at("total_steps").get_to(s.total_steps);
  j.at("examples").get_to(s.examples);
  s.batch_size = j.value("batch_size", int64{0});
  if (j.contains("kept"))
    s.kept_since_epoch = j.at("kept").at(0).get<int64>(), s.kept_last_epoch = j.at("kept").at(1).get<int64>();
  s.seconds = number(j.at("seconds"));
  s.schedule = numbers(j.at("schedule"));
  return s;
}

constexpr const char *kFormat = "gradus-checkpoint-1", *kModel = "model/", *kOptim = "optim/";

StateDict below(const TensorFile& file, const std::string& prefix) {
  StateDict part;
  for (const auto& [name, tensor] : file.tensors)
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), tensor);
  return part;
}

void check_finite(Model& model) {
  for (const auto& [name, tensor] : state_dict(model))
    if (!all_finite(tensor)) fail<NumericError>("'{}' is no longer finite", name);
}

}  // namespace

json score_json(const Score& s) { return {exact(s.loss_sum), s.correct, s.count, s.labelled}; }

Score score_from(const json& j) {
  return {number(j.at(0)), j.at(1).get<int64>(), j.at(2).get<int64>(), j.at(3).get<int64>()};
}

TensorFile weights_file(Model& model, const DatasetInfo& info) {
  TensorFile file;
  file.tensors = effective_state_dict(model);
  file.metadata = {{"format", "pt"}, {"gradus_model", model.spec()}, {"gradus_data", info_json(info).dump()}};
  return file;
}

void save_weights(const std::string& path, Model& model, const DatasetInfo& info) {
  write_tensors(path, weights_file(model, info));
}

WeightsOrigin read_origin(const std::string& path) { return origin_of(read_safetensors(path), path); }

WeightsOrigin origin_of(const TensorFile& file, const std::string& path) {
  WeightsOrigin origin;
  if (const auto model = file.metadata.find("gradus_model"); model != file.metadata.end())
    origin.model = model->second;
  if (const auto data = file.metadata.find("gradus_data"); data != file.metadata.end())
    origin.data = info_from_json(json::parse(data->second, nullptr, false), path);
  return origin;
}

StateDict read_weights(const std::string& path, Model& model) {
  const TensorFile file = read_safetensors(path);
  for (const auto& [name, tensor] : state_dict(model))
    if (file.find_integers(name))
      fail<DataError>("{}: '{}' holds integers; weights are real numbers (F16, BF16, F32, F64)", path, name);
  return file.tensors;
}

void load_weights(const std::string& path, Model& model) {
  load_state_dict(model, read_weights(path, model), path);
}

namespace {

constexpr const char* kNoModel = "none";

// Of a model, or null: none.
void write_parts(const std::string& path, Model* model, const CheckpointParts& parts) {
  TensorFile file;
  if (model)
    for (const auto& [name, tensor] : state_dict(*model)) file.tensors.emplace_back(kModel + name, tensor);
  for (const auto& [name, tensor] : parts.saved.tensors) file.tensors.emplace_back(kOptim + name, tensor);
  const json all = {{"format", kFormat},
                    {"real", kRealName},
                    {"model", model ? model->spec() : kNoModel},
                    {"optim", parts.optim},
                    {"optim_numbers", numbers(parts.saved.scalars)},
                    {"state", parts.state}};
  file.metadata = {{"gradus_checkpoint", all.dump()}};
  write_safetensors(path, file);
}

void read_parts(const std::string& path, Model* model, const std::string& optim,
                const std::function<void(const CheckpointParts&)>& restore) {
  const TensorFile file = read_safetensors(path);
  const auto text = file.metadata.find("gradus_checkpoint");
  if (text == file.metadata.end()) fail<DataError>("{}: not a checkpoint of a run", path);
  try {
    const json all = json::parse(text->second);
    const auto expect = [&](const char* key, const std::string& value) {
      const auto found = all.at(key).get<std::string>();
      if (found != value) fail<DataError>("{}: {} is {}, expected {}", path, key, found, value);
    };
    expect("format", kFormat);
    expect("real", kRealName);
    expect("model", model ? model->spec() : kNoModel);
    expect("optim", optim);
    CheckpointParts parts{optim, {}, all.at("state")};
    parts.saved.scalars = numbers(all.at("optim_numbers"));
    for (const auto& [name, tensor] : below(file, kOptim)) parts.saved.tensors.emplace(name, tensor);
    restore(parts);
    if (model) load_state_dict(*model, below(file, kModel), path);
  } catch (const json::exception& e) {
    fail<DataError>("{}: the checkpoint is damaged: {}", path, e.what());
  }
}

}  // namespace

void write_checkpoint(const std::string& path, Model& model, const CheckpointParts& parts) {
  check_finite(model);
  write_parts(path, &model, parts);
}

void write_parts_checkpoint(const std::string& path, const CheckpointParts& parts) {
  for (const auto& [name, tensor] : parts.saved.tensors)
    if (!all_finite(tensor)) fail<NumericError>("'{}' is no longer finite", name);
  write_parts(path, nullptr, parts);
}

void read_checkpoint(const std::string& path, Model& model, const std::string& optim,
                     const std::function<void(const CheckpointParts&)>& restore) {
  read_parts(path, &model, optim, restore);
}

void read_parts_checkpoint(const std::string& path, const std::string& optim,
                           const std::function<void(const CheckpointParts&)>& restore) {
  read_parts(path, nullptr, optim, restore);
}

void save_checkpoint(const std::string& path, Model& model, const Optimizer& optimizer,
                     const TrainState& state, const std::vector<StatefulPart>& parts) {
  SavedState saved = optimizer.save_state();
  for (const StatefulPart& part : parts) {
    // (A parameter's name has no slash.)
    const SavedState own = part.save();
    for (const auto& [name, tensor] : own.tensors) saved.tensors[part.name + "/" + name] = tensor;
    for (const auto& [name, number] : own.scalars) saved.scalars[part.name + "/" + name] = number;
  }
  write_checkpoint(path, model, {optimizer.spec(), std::move(saved), state_json(state)});
}

TrainState load_checkpoint(const std::string& path, Model& model, Optimizer& optimizer,
                           const std::vector<StatefulPart>& stateful) {
  TrainState state;
  read_checkpoint(path, model, optimizer.spec(), [&](const CheckpointParts& parts) {
    state = state_from(parts.state);
    SavedState rest = parts.saved;
    for (const StatefulPart& part : stateful) {
      SavedState own;
      const auto take = [&](auto& from, auto& to) {
        for (auto it = from.begin(); it != from.end();)
          if (it->first.starts_with(part.name + "/")) {
            to[it->first.substr(part.name.size() + 1)] = it->second;
            it = from.erase(it);
          } else {
            ++it;
          }
      };
      take(rest.tensors, own.tensors);
      take(rest.scalars, own.scalars);
      part.load(own);
    }
    optimizer.load_state(rest);
  });
  model.run().rng.set_state(state.dropout);
  return state;
}

}  // namespace gradus
