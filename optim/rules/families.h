// The registry entries of the families beyond element-wise rules, each defined in the file of its name.
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

// Layer-wise rules
OptimizerEntry lars();
OptimizerEntry tvlars();
OptimizerEntry lamb();
OptimizerEntry sgd_sai();
OptimizerEntry subset_norm();
std::vector<OptimizerEntry> layerwise_rules();

// Rules that take matrices
OptimizerEntry signum();
OptimizerEntry shampoo();
OptimizerEntry soap();
OptimizerEntry whitening_soap();
OptimizerEntry splus();
OptimizerEntry spa();
OptimizerEntry muon();
OptimizerEntry adamuon();
OptimizerEntry psgd();
OptimizerEntry adago();
OptimizerEntry lanton();
std::vector<OptimizerEntry> matrix_rules();

// Step sizes that set themselves
OptimizerEntry adagrad_norm();
OptimizerEntry smb();
OptimizerEntry prodigy();
OptimizerEntry dadapt_sgd();
OptimizerEntry dadapt_adam();
OptimizerEntry dadapt_adagrad();
OptimizerEntry dadapt_lion();
OptimizerEntry alr_hb();
OptimizerEntry alr_mag();
OptimizerEntry alr_smag();
OptimizerEntry alr_shb();
OptimizerEntry momo();
OptimizerEntry momo_adam();
OptimizerEntry aegd();
OptimizerEntry aepg();
std::vector<OptimizerEntry> stepsize_rules();

// Curvature
OptimizerEntry oasis();
OptimizerEntry sania();
OptimizerEntry egn();
std::vector<OptimizerEntry> curvature_rules();

// Gradient transforms
OptimizerEntry nfnet_agc();
OptimizerEntry adagc();
OptimizerEntry component_clipping();
std::vector<OptimizerEntry> clipping_transforms();

// Wrappers
OptimizerEntry lawn();
OptimizerEntry coordinate_clipping();
OptimizerEntry sgg();
OptimizerEntry sam();
OptimizerEntry gradient_regularization();
OptimizerEntry amp();
OptimizerEntry companion();
std::vector<OptimizerEntry> model_wrappers();

}  // namespace gradus::rules
