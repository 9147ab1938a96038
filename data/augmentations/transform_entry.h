// How a transform gets into the table of data/augment.h, and the way from normalised pixels to numbers in [0,1] and back.
#pragma once

#include <memory>
#include <string>

#include "data/augment.h"
#include "data/corruptions/float_image.h"

namespace gradus {

template <class T>
TransformEntry transform_entry(const char* name, const char* summary) {
  static const std::string where = std::string("transform ") + name;
  return {name, summary, describe_options<typename T::Options>(), [](const OptionList& list) {
            typename T::Options options;
            set_options(options, list, where);
            return std::shared_ptr<const Transform>(std::make_shared<T>(options));
          }};
}

/// Calls change(FloatImage&) on the image as numbers in [0,1].
template <class Change>
void as_unit_image(real* image, const DatasetInfo& info, const Change& change) {
  const int64 plane = info.example[1] * info.example[2];
  FloatImage unit(info.example[0], info.example[1], info.example[2]);
  for (int64 c = 0; c < unit.C; ++c)
    for (int64 i = 0; i < plane; ++i)
      unit.v[static_cast<size_t>(c * plane + i)] =
          static_cast<double>(image[c * plane + i]) * info.std[static_cast<size_t>(c)] +
          info.mean[static_cast<size_t>(c)];
  change(unit);
  for (int64 c = 0; c < unit.C; ++c)
    for (int64 i = 0; i < plane; ++i)
      image[c * plane + i] =
          static_cast<real>((unit.v[static_cast<size_t>(c * plane + i)] - info.mean[static_cast<size_t>(c)]) /
                            info.std[static_cast<size_t>(c)]);
}

TransformEntry resized_crop_entry();
TransformEntry colour_jitter_entry();
TransformEntry rand_augment_entry();

}  // namespace gradus
