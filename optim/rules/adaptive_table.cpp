#include "optim/rules/rules.h"

namespace gradus::rules {

std::vector<OptimizerEntry> adaptive_rules() {
  return {
      adam(),      adamw(),     amsgrad(),     adamax(),     nadam(),     adabound(),     amsbound(),
      adaboundw(), adabelief(), adamomentum(), diffgrad(),   adamod(),    radam(),        lion(),
      grams(),     innaprop(),  inna(),        adamp(),      sgdp(),      adopt(),        adan(),
      ademamix(),  adafactor(), came(),        novograd(),   swats(),     opt_amsgrad(),  adam_cm(),
      adam_c(),    sgd_c(),     rmsprop_c(),   mars_adamw(), mars_lion(), mars_shampoo(), adaptive_braking()};
}

}  // namespace gradus::rules
