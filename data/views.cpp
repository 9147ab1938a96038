#include "data/views.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace gradus {
namespace {

class Subset : public Dataset {
 public:
  Subset(DatasetPtr base, std::vector<int64> indices)
      : Dataset(base->info()), base_(std::move(base)), indices_(std::move(indices)) {
    if (indices_.empty()) fail<UsageError>("data set {}: the selection leaves no example", info_.name);
    for (int64 i : indices_)
      if (i < 0 || i >= base_->size())
        fail<UsageError>("data set {}: no example {}: there are {}", info_.name, i, base_->size());
  }
  int64 size() const override { return static_cast<int64>(indices_.size()); }
  int64 label(int64 i) const override { return base_->label(at(i)); }
  void read_pixels(int64 i, std::uint8_t* out) const override { base_->read_pixels(at(i), out); }
  void read_reals(int64 i, real* out) const override { base_->read_reals(at(i), out); }
  void read_targets(int64 i, real* out) const override { base_->read_targets(at(i), out); }

 private:
  int64 at(int64 i) const { return indices_[static_cast<std::size_t>(i)]; }
  DatasetPtr base_;
  std::vector<int64> indices_;
};

DatasetPtr first(DatasetPtr base, std::optional<int64> n) {
  if (!n || *n >= base->size()) return base;
  std::vector<int64> indices(static_cast<std::size_t>(*n));
  std::iota(indices.begin(), indices.end(), int64{0});
  return subset(std::move(base), std::move(indices));
}

}  // namespace

DatasetPtr subset(DatasetPtr base, std::vector<int64> indices) {
  return std::make_shared<Subset>(std::move(base), std::move(indices));
}

Data apply_views(Data data, const ViewOptions& options) {
  return {first(std::move(data.train), options.limit), first(std::move(data.test), options.test_limit)};
}

}  // namespace gradus
