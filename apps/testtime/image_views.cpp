#include "apps/testtime/image_views.h"

#include <algorithm>

#include "autograd/ops/elementwise.h"
#include "core/error.h"
#include "core/threads.h"
#include "data/image_shift.h"

namespace gradus {
namespace {

std::vector<ImageView> and_mirrored(const ImageView& v) {
  ImageView plain = v, other = v;
  plain.weight = other.weight = v.weight / 2;
  other.mirrored = !v.mirrored;
  return {plain, other};
}

std::vector<ImageView> and_translated(const ImageView& v) {
  std::vector<ImageView> all(3, v);
  all[0].weight = v.weight / 2;
  all[1].weight = all[2].weight = v.weight / 4;
  all[1].dy = all[1].dx = -1;
  all[2].dy = all[2].dx = 1;
  return all;
}

Tensor seen(const Tensor& x, const ImageView& view) {
  Tensor moved = x.clone();
  const Shape chw{x.dim(1), x.dim(2), x.dim(3)};
  const int64 size = chw.numel();
  real* images = moved.mutable_data();
  parallel_for(x.dim(0), 16, [&](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) {
      shift_image(images + i * size, chw, view.dy, view.dx);
      if (view.mirrored) mirror_image(images + i * size, chw);
    }
  });
  return moved;
}

}  // namespace

const std::vector<ImageViewEntry>& image_views() {
  static const std::vector<ImageViewEntry> table = {
      {"mirror",
       "each image and its mirror image",
       "Krizhevsky, Sutskever, Hinton, NeurIPS 2012, section 4.1",
       {},
       and_mirrored},
      {"translate",
       "half of the weight on the image, a quarter each on it moved by a pixel along the diagonal",
       "Jordan, 2024, arXiv 2404.00498",
       {},
       and_translated}};
  return table;
}

std::vector<ImageView> parse_views(const std::string& text) {
  std::vector<ImageView> looks = {ImageView{}};
  std::vector<std::string> names, taken;
  for (const ImageViewEntry& e : image_views()) names.push_back(e.name);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) fail<UsageError>("{}", unknown_name("view", name, names));
    if (std::find(taken.begin(), taken.end(), name) != taken.end())
      fail<UsageError>("views '{}': {} comes twice", text, name);
    taken.push_back(name);
    std::vector<ImageView> wider;
    for (const ImageView& look : looks)
      for (const ImageView& v : image_views()[static_cast<std::size_t>(it - names.begin())].widen(look))
        wider.push_back(v);
    looks = std::move(wider);
  }
  return looks;
}

void check_views(const Model& model, const DatasetInfo& info, const std::string& flag) {
  const Task task = model.task();
  if (info.kind == DataKind::kImages && (task == Task::kClassification || task == Task::kRegression)) return;
  fail<UsageError>("{}: looks are at images, for their classes or numbers; {} on {} is for {}", flag,
                   model.spec(), kind_name(info.kind), task_name(task));
}

Tensor output_over_views(Model& model, const Tensor& x, const std::vector<ImageView>& views) {
  const Recording off(false);
  Tensor mean;
  for (const ImageView& view : views) {
    const Tensor output = model(seen(x, view)) * static_cast<real>(view.weight);
    mean = mean.defined() ? mean + output : output;
  }
  return mean;
}

}  // namespace gradus
