// Inputs and outputs that the cases of this family share.
#pragma once

#include "apps/papers/case_function.h"

namespace gradus::least_squares {

inline std::vector<CaseSlot> model_slots(std::vector<CaseSlot> more = {}) {
  std::vector<CaseSlot> all{{"x", "N,i"}, {"y", "N,o"}, {"weight", "o,i"}, {"bias", "o"}};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}
inline CaseSlot batch_slot(const char* shape) {
  return {"batches", shape, CaseType::kInt, "rows of each step; -1: padding"};
}
inline CaseSlot clients_slot() { return {"client_of", "N", CaseType::kInt, "the client that owns each row"}; }
inline CaseSlot sampled_slot() {
  return {"sampled", "T,S", CaseType::kInt, "clients of each round, in any order"};
}

}  // namespace gradus::least_squares
