// A learned decoding head as a file, and what `gradus sample --decoding-head` does with it (nn/alignment/adaptive_decoding.h).
//
// A file is safetensors: fc1, fc2 and out (.weight, .bias) as of DecodingHead, `temperatures` (K); its metadata has the level, the rounds
// it was trained for and the settings of `gradus decoding-head`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/alignment/adaptive_decoding.h"
#include "nn/model.h"

namespace gradus {

struct TemperatureHead {
  std::unique_ptr<DecodingHead> head;
  Tensor temperatures;             ///< (K), at least 0
  std::string level = "sequence";  ///< one temperature a response, or (token) one a token
  int64 rounds = 0;                ///< that it was trained for
  std::string settings;            ///< JSON
  int64 width() const;             ///< of the hidden states that it reads
  /// The likeliest temperature of each hidden state (B,D), and its number. Throws DataError for another width.
  std::vector<int64> choices(const Tensor& hidden) const;
  double temperature(int64 choice) const { return static_cast<double>(temperatures.data()[choice]); }
};

/// The file is wholly there or not at all.
void write_decoding_head(const std::string& path, const TemperatureHead& head);
/// Throws DataError naming the file and the tensor for what is missing, has another shape or is out of range.
TemperatureHead read_decoding_head(const std::string& path);

/// While alive, keeps what the model's last layer read in the latest pass: the last hidden states. One at a time, and no other
/// CallTrace meanwhile.
class LastHidden {
 public:
  /// Throws UsageError for a model without such a layer.
  explicit LastHidden(TokenModel& model);
  LastHidden(const LastHidden&) = delete;
  LastHidden& operator=(const LastHidden&) = delete;
  /// (B,D), of the last token read. Throws UsageError before the first pass.
  Tensor states() const;

 private:
  Tensor seen_;
  std::unique_ptr<CallTrace> trace_;
};

/// What SampleOptions::temperature_at asks: the head's likeliest temperature for what a model has read, at sequence level that of the
/// prompt for the whole response.
class TemperatureChooser {
 public:
  TemperatureChooser(TokenModel& model, const TemperatureHead& head) : hidden_(model), head_(head) {}
  /// For text i of those that are read together.
  double next(int64 i = 0);
  /// What was chosen for text i so far.
  const std::vector<double>& chosen(int64 i = 0) const { return chosen_.at(static_cast<size_t>(i)); }

 private:
  LastHidden hidden_;
  const TemperatureHead& head_;
  std::vector<std::vector<double>> chosen_;
};

}  // namespace gradus
