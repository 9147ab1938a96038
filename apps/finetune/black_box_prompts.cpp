#include "apps/finetune/black_box_prompts.h"

#include "core/error.h"

namespace gradus {

BlackBoxPrompts::BlackBoxPrompts(const MixingNetwork& net, Tensor hidden, IntTensor labels,
                                 const Tensor& embedding, const Tensor& projection_normals, int64 lam,
                                 const BlackBoxOptions& options)
    : net_(net),
      hidden_(std::move(hidden)),
      projection_(projection_normals.clone()),
      best_(Tensor::zeros({net.layers(), options.n_prompt, net.width()})),
      labels_(std::move(labels)),
      o_(options),
      std_(static_cast<size_t>(net.layers()), 0.0) {
  if (projection_.rank() != 3 || projection_.dim(0) != net_.layers() ||
      projection_.dim(1) != o_.n_prompt * net_.width())
    fail<ShapeError>("prompts: projections {} for {} layers and prompts of {} tokens of {}",
                     projection_.shape().str(), net_.layers(), o_.n_prompt, net_.width());
  const int64 d = projection_.dim(2);
  std_[0] = projection_deviation(clipped_deviation(embedding, 0), d, o_.alpha, o_.sigma);
  for (int64 l = 0; l < net_.layers(); ++l)
    search_.emplace_back(std::vector<double>(static_cast<size_t>(d), 0.0), o_.sigma, lam);
}

std::vector<double> BlackBoxPrompts::project(int64 l, std::span<const double> z) const {
  const int64 rows = projection_.dim(1), d = projection_.dim(2);
  const real* p = projection_.data() + l * rows * d;
  std::vector<double> out;
  for (int64 i = 0; i < rows; ++i) {
    double sum = 0;
    for (int64 j = 0; j < d; ++j) sum += static_cast<double>(p[i * d + j]) * z[static_cast<size_t>(j)];
    out.push_back(std_[static_cast<size_t>(l)] * sum);
  }
  return out;
}

double BlackBoxPrompts::evaluate(int64 l, std::span<const double> z) {
  const Recording off(false);
  Tensor prompts = best_.clone();
  const std::vector<double> own = project(l, z);
  std::copy(own.begin(), own.end(), prompts.mutable_data() + l * static_cast<int64>(own.size()));
  const bool first = passes_++ == 0;
  if (first && o_.version == "v2") {
    std::vector<Tensor> inputs;
    prompted_logits(net_, hidden_, prompts, o_.offset, &inputs);
    for (size_t k = 1; k < inputs.size(); ++k)
      std_[k] = projection_deviation(clipped_deviation(inputs[k], 5), projection_.dim(2), o_.alpha, o_.sigma);
  }
  return static_cast<double>(prompted_loss(net_, hidden_, labels_, prompts, o_.offset).item());
}

double BlackBoxPrompts::generation(int64 l, std::span<const double> normals) {
  if (l < 0 || l >= searched_layers())
    fail<UsageError>("prompts: layer {} is not searched, {} are", l, searched_layers());
  CmaEs& search = search_[static_cast<size_t>(l)];
  search.generation(normals, [&](std::span<const double> z) { return evaluate(l, z); });
  const std::vector<double> own = project(l, search.best_x());
  std::copy(own.begin(), own.end(), best_.mutable_data() + l * static_cast<int64>(own.size()));
  return search.best_f();
}

}  // namespace gradus
