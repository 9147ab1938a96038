// Attacks on classifiers of images: changes too small to see that make the prediction wrong. What `gradus eval --attack` may name.
//
// Papers: Goodfellow, Shlens, Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, arXiv 1412.6572 (fgsm);
//         Madry, Makelov, Schmidt, Tsipras, Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018,
//         arXiv 1706.06083 (pgd).
// Values are pixels in [0,1], whatever the model standardises them by; the loss is the cross-entropy of the label.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "nn/model.h"

namespace gradus {

class Attack {
 public:
  virtual ~Attack() = default;
  /// Images (B,C,H,W) in [0,1] within reach of `pixels`; `loss` of such images. What is drawn for a row depends on its index only.
  virtual Tensor attacked(const Tensor& pixels, const IntTensor& index,
                          const std::function<Tensor(const Tensor& pixels)>& loss) const = 0;
};
struct AttackEntry {
  std::string name, summary, paper;
  std::vector<OptionInfo> options;
  std::function<std::unique_ptr<Attack>(const OptionList& options)> make;
};
const std::vector<AttackEntry>& attacks();
/// "pgd:eps=0.3,steps=20". Throws UsageError for unknown names (naming the nearest) and options.
std::unique_ptr<Attack> make_attack(const std::string& spec);

/// The batch with attacked images; the model is asked as it is. Throws UsageError unless it classifies images.
Batch attacked_batch(const Attack& attack, Model& model, const Batch& batch, const DatasetInfo& info);

}  // namespace gradus
