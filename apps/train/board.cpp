#include "apps/train/board.h"

#include <cmath>

namespace gradus {

void Board::append(const MetricsRow& row) {
  std::vector<std::pair<std::string, double>> scalars = {{"loss/train", row.train_loss},
                                                         {"loss/test", row.test_loss},
                                                         {"accuracy/train", row.train_accuracy},
                                                         {"accuracy/test", row.test_accuracy},
                                                         {"loss/validation", row.validation_loss},
                                                         {"accuracy/validation", row.validation_accuracy},
                                                         {"lr", row.lr},
                                                         {"epoch", row.epoch}};
  std::erase_if(scalars, [](const auto& scalar) { return !std::isfinite(scalar.second); });
  events_.add(row.step, scalars);
}

}  // namespace gradus
