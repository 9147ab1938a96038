#include "apps/continual/learners.h"

#include <cmath>

#include "apps/continual/amgc_learner.h"
#include "apps/continual/csfa_learner.h"
#include "apps/continual/foster_learner.h"
#include "apps/continual/plain_learner.h"
#include "apps/continual/projected_learner.h"
#include "apps/continual/sparse_learner.h"
#include "apps/continual/tag_learner.h"
#include "autograd/ops/reduce.h"
#include "core/error.h"

namespace gradus {
namespace {

// Each method's part of PlainOptions.
struct NaiveOptions : PlainOptions {
  void visit(auto&& f) { visit_descent(f); }
};
struct JointOptions : NaiveOptions {
  JointOptions() { method = "joint"; }
};
struct ReplayOptions : PlainOptions {
  ReplayOptions() { method = "replay"; }
  void visit(auto&& f) {
    visit_descent(f);
    visit_memory(f);
  }
};
struct EwcOptions : PlainOptions {
  EwcOptions() { method = "ewc"; }
  void visit(auto&& f) {
    visit_descent(f);
    elastic.visit(f);
    f("fisher_rows", fisher_rows, "rows of a task that the Fisher information is made of; 0: all",
      at_least(0));
  }
};
struct LwfLearnerOptions : PlainOptions {
  LwfLearnerOptions() { method = "lwf"; }
  void visit(auto&& f) {
    visit_descent(f);
    lwf.visit(f);
  }
};
struct AgemOptions : PlainOptions {
  AgemOptions() { method = "agem", selection = "reservoir"; }
  void visit(auto&& f) {
    visit_descent(f);
    visit_memory(f);
    f("reference_rows", reference_rows, "exemplars of a reference gradient", at_least(1));
  }
};

template <class Learner, class Options>
LearnerEntry entry(const std::string& name, std::string summary, std::string paper, std::string equations) {
  return {name,
          std::move(summary),
          std::move(paper),
          std::move(equations),
          describe_options<Options>(),
          [name](const OptionList& given, const NetworkSizes& sizes) -> LearnerPtr {
            Options options;
            set_options(options, given, "method " + name);
            auto made = std::make_unique<Learner>(options, sizes);
            made->set_spec(Spec{name, "", option_list(options)}.str());
            return made;
          }};
}

}  // namespace

IntTensor ContinualLearner::predict_drifting(const Tensor& x) { return argmax(logits(x), 1); }

double checked_loss(double loss, const char* method) {
  if (!std::isfinite(loss)) fail<NumericError>("{}: a loss of {}", method, loss);
  return loss;
}

const std::vector<LearnerEntry>& learners() {
  static const std::vector<LearnerEntry> table = {
      entry<PlainLearner, NaiveOptions>("naive", "each task's examples alone, nothing against forgetting", "",
                                        "L = CE(z, y) of the task's rows"),
      entry<PlainLearner, JointOptions>(
          "joint", "all examples of all tasks so far: what forgetting is measured against", "",
          "L = CE(z, y) of the rows of all tasks so far"),
      entry<PlainLearner, ReplayOptions>(
          "replay", "the task's examples and a memory of earlier ones",
          "Chaudhry et al., \"On Tiny Episodic Memories in Continual Learning\", 2019, arXiv 1902.10486; "
          "herding: "
          "Rebuffi et al., \"iCaRL\", CVPR 2017, arXiv 1611.07725",
          "L = CE(z, y) of the task's rows and the exemplars;  memory/(classes seen) exemplars a class"),
      entry<PlainLearner, EwcOptions>(
          "ewc", "springs on the weights, as stiff as earlier tasks need them",
          "Kirkpatrick et al., \"Overcoming catastrophic forgetting in neural networks\", PNAS 2017, arXiv "
          "1612.00796",
          "L = CE(z, y) + ewc_lambda/2 * sum over tasks k of F_k*(theta - theta_k)^2"),
      entry<PlainLearner, LwfLearnerOptions>(
          "lwf", "the network before the task as teacher of old classes",
          "Li, Hoiem, \"Learning without Forgetting\", ECCV 2016, arXiv 1606.09282",
          "L = CE(z, y) + lwf_lambda*KD(z[:, old], z_old; T)"),
      entry<PlainLearner, AgemOptions>("agem",
                                       "gradients that would raise the loss on exemplars lose that part",
                                       "Chaudhry, Ranzato, Rohrbach, Elhoseiny, \"Efficient Lifelong "
                                       "Learning with A-GEM\", ICLR 2019, arXiv 1812.00420",
                                       "<g, g_ref> < 0:  g <- g - (<g, g_ref>/<g_ref, g_ref>)*g_ref"),
      entry<FosterLearner, FosterLearner::Options>(
          "foster", "a second extractor boosts the frozen first, then both become one; exemplars",
          "Wang, Zhou, Ye, Zhan, \"FOSTER: Feature Boosting and Compression for Class-Incremental "
          "Learning\", ECCV 2022, "
          "arXiv 2204.04662",
          "boosting: L = CE(o/w, y) + CE(e, y) + lambda_okd*KD(o[:, old], q; T)\n"
          "compression: s = softmax(teacher/T)*w, rows scaled to sum 1;  L = -mean sum s*log "
          "softmax(student/T)"),
      entry<ProjectedLearner, ProjectedLearner::Options>(
          "rogo", "gradients stay out of what earlier tasks read, but for directions that may be rescaled",
          "Yang, Yang, Liu, Li, Liu, \"Restricted Orthogonal Gradient Projection for Continual Learning\", "
          "AI Open 2023, "
          "arXiv 2301.12131",
          "W_eff = W - W S S' + W S Q S';  dW <- dW - dW M M'"),
      entry<TagLearner, TagLearner::Options>(
          "tag", "second moments a task, added up by how gradients of the tasks agree",
          "Malviya, Ravindran, Chandar, \"TAG: Task-based Accumulated Gradients for Lifelong learning\", "
          "CoLLAs 2022, "
          "arXiv 2105.05155",
          "V = sum over tau <= t of alpha_tau*v_tau,  alpha_tau = exp(-b*<unit(m_t), unit_tau>);  p -= "
          "lr*g/(sqrt(V) + eps)"),
      entry<SparseLearner, SparseLearner::Options>(
          "hard-ash", "few units are on for any example, and updates are clipped",
          "Keskinen, \"Hard ASH: Sparsity and the right optimizer make a continual learner\", 2024, arXiv "
          "2404.17651",
          "hard_ash(x) = clip(x, 0, 2)*hs(alpha*(x - mu - z_k*sd));  p += clip(-lr*u, -clip, clip)"),
      entry<AmgcLearner, AmgcLearner::Options>(
          "amgc", "classes gone by as Gaussians of features, with a margin for each pair; no exemplars",
          "Yao, Chang, \"Adaptive Margin Global Classifier for Exemplar-Free Class-Incremental Learning\", "
          "2024, arXiv "
          "2409.13275",
          "m_kj = (w_j - w_k)' Sigma^_k (w_j - w_k)/2;  L = mean over classes of L_k + kd*mean ||f - "
          "f_0||^2"),
      entry<CsfaLearner, CsfaLearner::Options>(
          "csfa", "new classes as prototypes of a few shots; adapts to drift without labels (--drift)",
          "Yu, Lu, Zhang, \"Generalized Incremental Learning under Concept Drift across Evolving Data "
          "Streams\", 2025, arXiv "
          "2506.05736",
          "P_c = (1-shift)*p_c + shift*q_c;  d = g_p - alpha*(g - (<g, g_p>/||g_p||^2)*g_p)"),
  };
  return table;
}

const LearnerEntry& find_learner(const std::string& name) {
  std::vector<std::string> names;
  for (const LearnerEntry& e : learners()) {
    if (e.name == name) return e;
    names.push_back(e.name);
  }
  throw UsageError(unknown_name("method", name, names) + "; 'gradus continual list' names them all");
}

LearnerPtr make_learner(const std::string& text, const NetworkSizes& sizes) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("method {}: takes nothing in parentheses", spec.name);
  return find_learner(spec.name).make(spec.options, sizes);
}

}  // namespace gradus
