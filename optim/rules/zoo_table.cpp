#include "optim/rules/zoo.h"

namespace gradus::rules {

std::vector<OptimizerEntry> momentum_rules() {
  return {aggmo(),         qhm(), accsgd(), pid(),  sgdw(),    pnm(),    demon_sgd(),
          optimistic_gd(), tam(), msvag(),  asgd(), gravity(), a2grad(), schedule_free_sgd()};
}
std::vector<OptimizerEntry> sign_rules() { return {signsgd(), tiger(), focus(), rprop(), delta_bar_delta()}; }
std::vector<OptimizerEntry> moment_rules() {
  return {yogi(),
          adai(),
          adapnm(),
          qhadam(),
          demon_adam(),
          laprop(),
          padam(),
          ftml(),
          exadam(),
          fadam(),
          ano(),
          adanorm(),
          adashift(),
          acprop(),
          stable_adamw(),
          optimistic_adam(),
          simplified_ademamix(),
          bcos(),
          aida(),
          apollo_dqn(),
          adamw_corrected(),
          madgrad(),
          sm3(),
          vsgd(),
          ftrl(),
          kate(),
          adatam(),
          smorms3(),
          ada_sqrt(),
          adams(),
          avagrad(),
          adam_mini(),
          ranger(),
          schedule_free_adamw(),
          schedule_free_radam(),
          rmsprop_tf(),
          sparse_adam(),
          adasmooth(),
          ranger21()};
}
std::vector<OptimizerEntry> scale_rules() {
  return {wngrad(), dog(),   dowg(),        cocob(),   alig(), polyak_sgd(),
          eve(),    adamg(), dadapt_adan(), fromage(), nero(), amos()};
}

}  // namespace gradus::rules
