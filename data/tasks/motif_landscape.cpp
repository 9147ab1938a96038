#include "data/tasks/motif_landscape.h"

#include "core/error.h"

namespace gradus {

MotifLandscape MotifLandscape::draw(int64 length, const Rng& rng) {
  if (length < 3 || length > 10) fail<UsageError>("motif landscape: length {} is not 3 to 10", length);
  MotifLandscape out{.length = length, .scores = {}};
  const int64 width = (5 * length + 7) / 8;
  Rng motifs = rng.fork("motifs"), pairs = rng.fork("pairs"), noise = rng.fork("noise");
  const Tensor motif = motifs.normal_tensor({2, width, kLetters}),
               pair = pairs.normal_tensor({length - 2, kLetters, kLetters});
  out.scores.resize(size_t{1} << (2 * length));
  for (int64 i = 0; i < out.count(); ++i) {
    const IntTensor s = out.sequence(i);
    double score = 0.1 * noise.normal();
    for (int64 l = 0; l < length; ++l) {
      if (l < width) score += static_cast<double>(motif.data()[l * kLetters + s[l]]);
      const int64 second = l - (length - width);
      if (second >= 0) score += static_cast<double>(motif.data()[(width + second) * kLetters + s[l]]);
      if (l + 2 < length)
        score += 0.5 * static_cast<double>(pair.data()[(l * kLetters + s[l]) * kLetters + s[l + 2]]);
    }
    out.scores[static_cast<size_t>(i)] = score;
  }
  return out;
}

IntTensor MotifLandscape::sequence(int64 index) const {
  IntTensor s({length});
  for (int64 l = length - 1; l >= 0; --l, index /= kLetters) s.mutable_data()[l] = index % kLetters;
  return s;
}

int64 MotifLandscape::index_of(const IntTensor& s) const {
  if (!(s.shape() == Shape({length})))
    fail<ShapeError>("motif landscape: a sequence {} of length {}", s.shape().str(), length);
  int64 index = 0;
  for (int64 l = 0; l < length; ++l) {
    if (s[l] < 0 || s[l] >= kLetters) fail<DataError>("motif landscape: letter {} of {}", s[l], kLetters);
    index = kLetters * index + s[l];
  }
  return index;
}

}  // namespace gradus
