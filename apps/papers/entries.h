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
Paper mars();
Paper opt_amsgrad();
Paper novograd();

// layerwise
Paper lars();
Paper lamb();
Paper tvlars();
Paper lawn();
Paper nfnet_agc();
Paper adagc();
Paper component_clipping();
Paper coordinate_clipping();
Paper sgd_sai();
Paper sgg();
Paper subset_norm();
Paper matrix_whitening();
Paper adago();
Paper lanton();
Paper weight_conditioning();
Paper mup_weight_decay();
Paper adadagrad();
Paper batch_lr_rmt();

// stepsize
Paper adagrad_norm();
Paper smb();
Paper prodigy();
Paper d_adaptation();
Paper polyak_momentum();
Paper momo();
Paper aegd_preconditioned();
Paper rmsprop_adam_affine();
Paper schedule_refinement();

// curvature
Paper oasis();
Paper sania();
Paper egn();
Paper gradient_regularization();
Paper amp();
Paper sam_eos();
Paper sharpness_generalization();
Paper sgd_implicit_reg();
Paper sgd_stability();

// problems
Paper prospect();
Paper neuralndcg();
Paper scaledgd();
Paper incremental_matrix_sensing();
Paper noregret_games();
Paper sketched_newton_al();
Paper config_pinn();

// federated
Paper fedopt();
Paper fedhyper();
Paper delta_sgd();
Paper local_scaling();

// bilevel
Paper ift_hyperopt();
Paper metagradient_descent();
Paper oml();
Paper multistep_metagrad();
Paper adaptive_policy_gradient();
Paper bib();

// backprop-free
Paper forward_gradient();
Paper forward_gradient_local();
Paper ulr();
Paper scalable_ff();
Paper gbnn();

// selection
Paper adaptive_k();
Paper tailor();
Paper learn_to_active_learn();

// adapters
Paper lora_pro();
Paper eva();
Paper ard_lora();
Paper allora();
Paper elalora();
Paper c3a();
Paper gmt();
Paper bbtv2();
Paper aft();

// language
Paper sft_dpo();
Paper constrained_rlhf();
Paper adaptive_decoding();
Paper igf();
Paper gain_rl();
Paper g_act();
Paper continual_ema();

// testtime
Paper entropy_scale();
Paper rna();
Paper adaptive_smoothing();

// diffusion
Paper apg_guidance();
Paper adaptive_guidance();
Paper adaptive_diffusion();
Paper dmmd();
Paper framer();

// domain
Paper adaptive_whitening();
Paper gain_control();
Paper sape();
Paper apecs();
Paper soundscape_masker();
Paper adafortitran();

// continual
Paper foster();
Paper rogo();
Paper tag();
Paper hard_ash();
Paper amgc();
Paper csfa();

}  // namespace gradus::paper_entries
