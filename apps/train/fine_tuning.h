// Starting from the weights of another run: what is taken from them, which layers stay as they are, which learn slower.
#pragma once

#include <string>
#include <vector>

#include "apps/train/config.h"
#include "autograd/parameter.h"
#include "nn/model.h"

namespace gradus {

/// The layer of each parameter, from 0 at the input on. A layer is what the parameter's name begins with: up to the first number
/// in it ("layer1.0", "transformer.h.3"), else all but the last part ("fc1"). What has no matrix of its own (norms, biases, class
/// tokens) belongs to the layer before it, and tables of tokens and positions that follow each other are one layer.
std::vector<int64> layers_of(const Parameters& parameters);
/// The names of the parameters of the last layer: weights that the model marks as its head, with their biases, else the last layer
/// of layers_of.
std::vector<std::string> head_of(const Parameters& parameters);

/// Freezes the first n layers, or with n < 0 all but the last -n. Throws UsageError if none would be left to train, or none frozen.
void freeze_layers(const Parameters& parameters, int64 n);

/// Parameters that stop learning after some epochs.
struct LateFreeze {
  ParameterPtr parameter;
  int64 epochs;  ///< in which it is trained
};
/// Those of "GLOB=EPOCHS" among `parameters` as they are then. Throws UsageError for a text of another form, a pattern that none that
/// is trained matches, and where none would be left to train in the end.
std::vector<LateFreeze> late_freezes(const Parameters& parameters, const std::vector<std::string>& texts);

/// The factor decay^(layers above it) on each parameter's step size: "layer-wise learning rate decay", Clark, Luong, Le, Manning,
/// "ELECTRA", ICLR 2020, arXiv 2003.10555, section 3.3 and table 6.
std::vector<double> layer_decay_factors(const Parameters& parameters, double decay);

/// The file that --init names: itself, or the model.safetensors (else best.safetensors) of a run's directory.
std::string init_file(const std::string& path);
/// Loads the weights of --init as the settings say, and adds to `notes` a line for whatever was renamed, left fresh or left over. A
/// head of another shape starts afresh in any case; everything else must fit unless init_partial. Throws DataError that lists what
/// does not fit, and where nothing at all does.
void start_from(const TrainConfig& config, Model& model, std::vector<std::string>& notes);

}  // namespace gradus
