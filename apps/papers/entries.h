// The entries of all papers, each defined in <family>/<slug>.cpp: one declaration here, one line in registry.cpp.
#pragma once

#include "apps/papers/paper.h"

namespace gradus::paper_entries {

// adaptive
Paper adabound();
Paper adabelief();
Paper adam_cm();
Paper swats();
Paper adamomentum();
Paper diffgrad();
Paper adamod();
Paper adaptive_braking();
Paper radam();
Paper lion();
Paper grams();
Paper innaprop();
Paper adamp();
Paper adopt();
Paper adan();
Paper adam();
Paper ademamix();
Paper adafactor();
Paper came();

// layerwise
Paper lars();
Paper lamb();
Paper coordinate_clipping();
Paper sgd_sai();
Paper sgg();
Paper subset_norm();
Paper matrix_whitening();
Paper adago();
Paper lanton();

// stepsize
Paper adagrad_norm();
Paper smb();
Paper prodigy();
Paper d_adaptation();
Paper polyak_momentum();
Paper momo();
Paper aegd_preconditioned();
Paper rmsprop_adam_affine();

// curvature
Paper oasis();
Paper sania();
Paper gradient_regularization();
Paper amp();

// problems
Paper prospect();
Paper neuralndcg();
Paper scaledgd();
Paper incremental_matrix_sensing();
Paper noregret_games();
Paper sketched_newton_al();

// federated
Paper fedopt();

// backprop-free
Paper forward_gradient();
Paper forward_gradient_local();
Paper ulr();
Paper scalable_ff();
Paper gbnn();

}  // namespace gradus::paper_entries
