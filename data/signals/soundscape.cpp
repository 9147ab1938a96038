#include "data/signals/soundscape.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace gradus {

Tensor mix_levels(const Tensor& ambient_db, const Tensor& masker_db, const Tensor& gain_db) {
  if (!(ambient_db.shape() == masker_db.shape()) || !(ambient_db.shape() == gain_db.shape()))
    fail<ShapeError>("mix_levels: {}, {} and {}", ambient_db.shape().str(), masker_db.shape().str(),
                     gain_db.shape().str());
  Tensor mix(ambient_db.shape());
  for (int64 i = 0; i < mix.numel(); ++i) {
    const double s = static_cast<double>(ambient_db.data()[i]),
                 m = static_cast<double>(masker_db.data()[i]) + static_cast<double>(gain_db.data()[i]);
    const double louder = std::max(s, m), softer = std::min(s, m);  // no power overflows
    mix.mutable_data()[i] = static_cast<real>(louder + 10 / std::numbers::ln10 *
                                                           std::log1p(std::pow(10, (softer - louder) / 10)));
  }
  return mix;
}

Tensor pleasantness_label(const Tensor& ratings) {
  if (ratings.rank() != 2 || ratings.dim(1) != 8)
    fail<ShapeError>("pleasantness_label: ratings {}, expected (B,8)", ratings.shape().str());
  Tensor label({ratings.dim(0)});
  for (int64 i = 0; i < label.numel(); ++i) {
    const auto rating = [&](int64 k) { return static_cast<double>(ratings.data()[8 * i + k]); };
    const double pleasant = rating(0), chaotic = rating(2), vibrant = rating(3), calm = rating(5),
                 annoying = rating(6), monotonous = rating(7);
    label.mutable_data()[i] = static_cast<real>(
        (pleasant - annoying + (calm + vibrant - chaotic - monotonous) / std::numbers::sqrt2) /
        (4 + std::sqrt(32.0)));
  }
  return label;
}

}  // namespace gradus
