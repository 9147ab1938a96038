#include "data/dataset.h"

#include "core/error.h"

namespace gradus {

const char* kind_name(DataKind kind) {
  switch (kind) {
    case DataKind::kImages:
      return "images";
    case DataKind::kVectors:
      return "vectors";
    case DataKind::kText:
      return "text";
  }
  return "?";
}

void Dataset::cannot(const char* what) const {
  fail<UsageError>("data set {}: {} has no {}", info_.name, kind_name(info_.kind), what);
}

int64 Dataset::label(int64) const { cannot("class labels"); }
void Dataset::read_pixels(int64, std::uint8_t*) const { cannot("pixels"); }
void Dataset::read_targets(int64, real*) const { cannot("real targets"); }
int64 Dataset::starts() const { cannot("windows"); }
void Dataset::read_window(int64, int64*, int64*) const { cannot("windows"); }

void Dataset::read_reals(int64 i, real* out) const {
  if (info_.kind != DataKind::kImages) cannot("real features");
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info_.example.numel()));
  read_pixels(i, pixels.data());
  PixelScale(info_).apply(pixels.data(), info_.example, out);
}

PixelScale::PixelScale(const DatasetInfo& info) {
  for (std::size_t c = 0; c < info.mean.size(); ++c) {
    factor.push_back(static_cast<real>(1 / (255 * info.std[c])));
    summand.push_back(static_cast<real>(-info.mean[c] / info.std[c]));
  }
}

void PixelScale::apply(const std::uint8_t* pixels, const Shape& chw, real* out) const {
  const int64 plane = chw[1] * chw[2];
  for (int64 c = 0; c < chw[0]; ++c) {
    const real a = factor[static_cast<std::size_t>(c)], b = summand[static_cast<std::size_t>(c)];
    const std::uint8_t* in = pixels + c * plane;
    real* o = out + c * plane;
    for (int64 i = 0; i < plane; ++i) o[i] = static_cast<real>(in[i]) * a + b;
  }
}

}  // namespace gradus
