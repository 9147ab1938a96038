#include "data/augment.h"

namespace gradus {

void Augmentation::apply_example(real* image, const ExampleContext& context) const {
  const Rng example = Rng(context.seed)
                          .fork("augment")
                          .fork(static_cast<std::uint64_t>(context.epoch))
                          .fork(static_cast<std::uint64_t>(context.index));
  for (std::size_t k = 0; k < chain_.size(); ++k) {
    Rng rng = example.fork(k);
    chain_[k]->apply_example(image, rng, context);
  }
}

void Augmentation::apply_batch(Batch& batch, std::uint64_t seed, const DatasetInfo& info) const {
  const Rng base = Rng(seed)
                       .fork("augment-batch")
                       .fork(static_cast<std::uint64_t>(batch.position.epoch))
                       .fork(static_cast<std::uint64_t>(batch.position.batch));
  for (std::size_t k = 0; k < chain_.size(); ++k) {
    Rng rng = base.fork(k);
    chain_[k]->apply_batch(batch, rng, info);
  }
}

}  // namespace gradus
