#include "apps/papers/settings.h"

#include <fmt/format.h>

namespace gradus {

TrainConfig small_language_model(int64 steps) {
  return {.data = "tinyshakespeare",
          .model = "gpt:block=32,dim=64,layers=2",
          .schedule = "cosine",
          .steps = steps,
          .batch_size = 16,
          .clip_norm = 1};
}

TrainConfig small_images(int64 images, int64 epochs) {
  return {.data = fmt::format("fashion-mnist:limit={}", images),
          .model = "lenet:conv1=8,conv2=16",
          .schedule = "cosine",
          .epochs = epochs,
          .batch_size = 64,
          .eval_every = kAtTheEnd};
}

}  // namespace gradus
