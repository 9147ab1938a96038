#include "apps/train/same_data.h"

#include <array>

#include "core/error.h"
#include "data/loader.h"

namespace gradus {

void check_same_data(Communicator& ranks, const Data& data) {
  if (ranks.alone()) return;
  constexpr int64 kExamples = 64;
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  const auto mix = [&](const void* bytes, size_t n) {
    for (size_t i = 0; i < n; ++i)
      hash = (hash ^ static_cast<const unsigned char*>(bytes)[i]) * 0x100000001b3;
  };
  const std::array<int64, 3> sizes{data.train->size(), data.test->size(), static_cast<int64>(sizeof(real))};
  mix(sizes.data(), sizeof sizes);
  const Loader loader(data.train, {.batch_size = std::min(kExamples, data.train->size()), .prefetch = 0});
  const Batch batch = loader.make({0, 0});
  for (const Tensor& t : {batch.x, batch.targets})
    if (t.defined()) mix(t.data(), sizeof(real) * static_cast<size_t>(t.numel()));
  for (const IntTensor& t : {batch.tokens, batch.y})
    if (t.defined()) mix(t.data(), sizeof(int64) * static_cast<size_t>(t.numel()));
  const std::vector<std::uint64_t> all = ranks.all_gather(hash);
  for (int r = 1; r < ranks.size(); ++r)
    if (all[static_cast<size_t>(r)] != all[0])
      fail<DataError>("{} has other data than {} under the same name", ranks.name(r), ranks.name(0));
}

}  // namespace gradus
