// The kinds of problems a golden trajectory may hold, one runner each. Internal to replay.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "optim/objective.h"
#include "optim/registry.h"
#include "optim/replay/replay.h"

namespace gradus::replay_detail {

using Json = nlohmann::ordered_json;

/// A golden file, read.
struct Golden {
  Json json;
  std::filesystem::path folder;  ///< where its "file" references are
};

/// Runs the golden and fills report.steps.
using Runner = void (*)(const Golden& golden, ReplayReport& report);

void run_recorded_gradients(const Golden& golden, ReplayReport& report);  // "gradients"
void run_linear_model(const Golden& golden, ReplayReport& report);        // "least-squares", "logistic"
void run_loss_directions(const Golden& golden, ReplayReport& report);     // "config"
void run_spectral_weights(const Golden& golden, ReplayReport& report);    // "spectral-weights"
void run_prospect(const Golden& golden, ReplayReport& report);            // "prospect"
void run_refinement(const Golden& golden, ReplayReport& report);          // "schedule"

/// Throws DataError naming the file.
Json read_json(const std::filesystem::path& file);
/// The golden's parameters, in the order of the file (closure problems concatenate them so).
Parameters parameters_of(const Golden& golden);
/// The optimizer it names, with base and groups, over these parameters.
OptimizerPtr optimizer_of(const Golden& golden, const Parameters& parameters);
/// The random draws that problem.probes, draws, label_draws, warmup_probes and balance_steps prescribe for a step, if they
/// are there.
std::optional<PrescribedDraws> draws_of(const Golden& golden, const Parameters& parameters, int64 step);
using gradus::relative_error;
double relative_error(const Tensor& a, const std::vector<double>& b);

/// The objective of each step (1, 2, ...) in turn.
using ObjectiveAt = std::function<Objective&(int64 step)>;
/// Steps through the trajectory, with lr_scale, and compares at every step of "expect".
void run_trajectory(const Golden& golden, const Parameters& parameters, int64 steps,
                    const ObjectiveAt& objective, ReplayReport& report);

}  // namespace gradus::replay_detail
