// The registry entries of the rules that complete the collection, each defined in the file of its name.
#pragma once

#include "optim/rule.h"

namespace gradus::rules {

// Momentum
OptimizerEntry aggmo();
OptimizerEntry qhm();
OptimizerEntry accsgd();
OptimizerEntry pid();
OptimizerEntry sgdw();
OptimizerEntry pnm();
OptimizerEntry demon_sgd();
OptimizerEntry optimistic_gd();
OptimizerEntry tam();
OptimizerEntry msvag();
OptimizerEntry asgd();
OptimizerEntry gravity();
OptimizerEntry a2grad();
OptimizerEntry schedule_free_sgd();
std::vector<OptimizerEntry> momentum_rules();

// Signs
OptimizerEntry signsgd();
OptimizerEntry tiger();
OptimizerEntry focus();
OptimizerEntry rprop();
OptimizerEntry delta_bar_delta();
std::vector<OptimizerEntry> sign_rules();

// Relatives of Adam and AdaGrad
OptimizerEntry yogi();
OptimizerEntry adai();
OptimizerEntry adapnm();
OptimizerEntry qhadam();
OptimizerEntry demon_adam();
OptimizerEntry laprop();
OptimizerEntry padam();
OptimizerEntry ftml();
OptimizerEntry exadam();
OptimizerEntry fadam();
OptimizerEntry ano();
OptimizerEntry adanorm();
OptimizerEntry adashift();
OptimizerEntry acprop();
OptimizerEntry stable_adamw();
OptimizerEntry optimistic_adam();
OptimizerEntry simplified_ademamix();
OptimizerEntry bcos();
OptimizerEntry aida();
OptimizerEntry apollo_dqn();
OptimizerEntry adamw_corrected();
OptimizerEntry madgrad();
OptimizerEntry sm3();
OptimizerEntry vsgd();
OptimizerEntry ftrl();
OptimizerEntry kate();
OptimizerEntry adatam();
OptimizerEntry smorms3();
OptimizerEntry ada_sqrt();
OptimizerEntry adams();
OptimizerEntry avagrad();
OptimizerEntry adam_mini();
OptimizerEntry ranger();
OptimizerEntry schedule_free_adamw();
OptimizerEntry schedule_free_radam();
OptimizerEntry rmsprop_tf();
OptimizerEntry sparse_adam();
OptimizerEntry adasmooth();
OptimizerEntry ranger21();
std::vector<OptimizerEntry> moment_rules();

// Step sizes that set themselves, or follow the size of tensors
OptimizerEntry wngrad();
OptimizerEntry dog();
OptimizerEntry dowg();
OptimizerEntry cocob();
OptimizerEntry alig();
OptimizerEntry polyak_sgd();
OptimizerEntry eve();
OptimizerEntry adamg();
OptimizerEntry dadapt_adan();
OptimizerEntry fromage();
OptimizerEntry nero();
OptimizerEntry amos();
std::vector<OptimizerEntry> scale_rules();

}  // namespace gradus::rules
