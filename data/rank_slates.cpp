#include "data/rank_slates.h"

#include <algorithm>
#include <cstdlib>

#include "core/error.h"
#include "core/rng.h"

namespace gradus {

int64 circular_grade(int64 label, int64 query, int64 classes) {
  const int64 apart = std::abs(label - query);
  switch (std::min(apart, classes - apart)) {
    case 0:
      return 4;
    case 1:
      return 2;
    case 2:
      return 1;
    default:
      return 0;
  }
}

RankSlates::RankSlates(DatasetPtr images, const RankSlateOptions& options)
    : images_(std::move(images)), options_(options) {
  const DatasetInfo& info = images_->info();
  if (info.kind == DataKind::kText || info.classes < 1)
    fail<UsageError>("slates: data set {} has no classes to rank by", info.name);
}

int64 RankSlates::features() const { return images_->info().example.numel() + images_->info().classes; }

RankSlates::Slate RankSlates::slate(int64 i) const {
  Rng rng = Rng(static_cast<std::uint64_t>(options_.seed)).fork("slates").fork(static_cast<std::uint64_t>(i));
  Slate slate{rng.below(images_->info().classes), {}};
  for (int64 item = 0; item < options_.items; ++item) slate.images.push_back(rng.below(images_->size()));
  return slate;
}

SlateBatch RankSlates::batch(std::span<const int64> slates) const {
  const auto count = static_cast<int64>(slates.size());
  const int64 classes = images_->info().classes, pixels = features() - classes;
  SlateBatch batch{Tensor::zeros({count, items(), features()}), IntTensor(Shape{count, items()})};
  real* out = batch.items.mutable_data();
  int64* grade = batch.labels.mutable_data();
  for (const int64 index : slates) {
    const Slate s = slate(index);
    for (const int64 image : s.images) {
      images_->read_reals(image, out);
      out[pixels + s.query] = static_cast<real>(options_.query);
      out += features();
      *grade++ = circular_grade(images_->label(image), s.query, classes);
    }
  }
  return batch;
}

}  // namespace gradus
