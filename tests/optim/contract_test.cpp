// What every entry of the optimizer registry must keep, whatever its rule.
#include "core/rng.h"
#include "core/threads.h"
#include "tests/optim/probe.h"
#include "tests/selected.h"

using namespace gradus;
using namespace gradus::testing;

namespace {

// loss = 1/2 sum ||w - c||^2 plus gradient noise fixed by the step: gives everything an optimizer may ask. Its Hessian
// products are those of a neighbour with off-diagonal entries, so that estimates of a diagonal are random.
class Problem final : public Objective {
 public:
  explicit Problem(Parameters parameters) : parameters_(std::move(parameters)) {}
  Problem& at(int64 step) {
    step_ = step;
    return *this;
  }
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override { return {true, true, true, true, true, true}; }
  double loss() override {
    if (poisoned_after >= 0 && evaluations_++ >= poisoned_after) return std::nan("");
    double sum = 1;
    for (const auto& p : parameters_)
      for (real w : p->value.span()) sum += 0.5 * (double(w) - 0.3) * (double(w) - 0.3);
    return sum;
  }
  double gradient() override {
    const bool poisoned = poisoned_after >= 0 && evaluations_ >= poisoned_after;
    const real factor = poisoned ? std::numeric_limits<real>::quiet_NaN() : scale;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      Parameter& p = *parameters_[i];
      if (p.frozen) continue;
      Tensor g = draw("noise", i, p.value.shape());
      real* to = g.mutable_data();
      for (int64 j = 0; j < g.numel(); ++j)
        to[j] = factor * (real(0.5) * to[j] + (p.value.data()[j] - real(0.3)));
      p.grad = g;
    }
    return loss();
  }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override {
    std::vector<Tensor> out;
    double sum = 0;
    for (const Tensor& t : v)
      if (t.defined())
        for (real x : t.span()) sum += double(x);
    for (const Tensor& t : v) {
      out.push_back(t.defined() ? t.clone() : Tensor());
      for (int64 j = 0; t.defined() && j < t.numel(); ++j)
        out.back().mutable_data()[j] = curvature * (t.data()[j] + real(0.1 * sum));
    }
    return out;
  }
  std::vector<Tensor> per_sample_gradients() override {
    std::vector<Tensor> out;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      std::vector<int64> dims{4};
      for (int64 d : parameters_[i]->value.shape()) dims.push_back(d);
      out.push_back(draw("sample", i, Shape(dims)));
    }
    return out;
  }
  GaussNewton gauss_newton() override {
    int64 d = 0;
    for (const auto& p : parameters_)
      if (!p->frozen) d += p->value.numel();
    Tensor jacobian = draw("jacobian", 0, {4, d});
    for (int64 j = 0; j < jacobian.numel(); ++j) jacobian.mutable_data()[j] *= curvature;
    return {jacobian, draw("residual", 0, {4}), Tensor::ones({4, 1, 1})};
  }
  Objective& second_batch() override {
    if (!second_) second_ = std::make_unique<Problem>(parameters_);
    return second_->at(step_ + 1000);
  }
  real scale = 1, curvature = 1;
  int64 poisoned_after = -1;  ///< evaluations after which loss and gradient are NaN; -1: never

 private:
  Tensor draw(const char* purpose, size_t i, const Shape& shape) const {
    return Rng(7).fork(purpose).fork(static_cast<std::uint64_t>(step_)).fork(i).normal_tensor(shape);
  }
  Parameters parameters_;
  int64 step_ = 0, evaluations_ = 0;
  std::unique_ptr<Problem> second_;
};

Parameters make_parameters(int64 rows = 4) {
  Rng rng(3);
  return {make_parameter("w", ParamKind::kWeight, rng.normal_tensor({rows, 3})),
          make_parameter("b", ParamKind::kBias, rng.normal_tensor({5})),
          make_parameter("e", ParamKind::kEmbedding, rng.normal_tensor({3, 2})),
          make_parameter("h", ParamKind::kHead, rng.normal_tensor({2, 3})),
          make_parameter("k", ParamKind::kWeight, rng.normal_tensor({2, 1, 2, 2}))};
}

std::string plain_spec(const OptimizerEntry& entry, const std::string& options = "") {
  std::string spec = entry.text.name;
  // sgg clusters a gradient mean, which SGD does not keep.
  const char* inner = entry.text.name == "sgg" ? "(adam:lr=0.05,weight_decay=0.01)"
                                               : "(sgd:lr=0.05,momentum=0.9,weight_decay=0.01)";
  if (entry.wraps) spec += inner;
  return options.empty() ? spec : spec + ":" + options;
}

double scale_at(int64 step) { return step % 3 == 0 ? 0.5 : 1.0; }

std::vector<real> weights(const Parameters& parameters) {
  std::vector<real> all;
  for (const auto& p : parameters) all.insert(all.end(), p->value.data(), p->value.data() + p->value.numel());
  return all;
}
bool finite(const std::vector<real>& v) {
  return std::all_of(v.begin(), v.end(), [](real x) { return std::isfinite(x); });
}

// All weights after `steps` steps.
std::vector<real> trajectory(const std::string& spec, int64 steps = 12,
                             const std::vector<GroupSpec>& groups = {}, int64 rows = 4) {
  Problem problem(make_parameters(rows));
  const auto optimizer = make_optimizer(spec, problem.parameters(), groups);
  std::vector<real> all;
  for (int64 s = 1; s <= steps; ++s) {
    optimizer->step(problem.at(s), scale_at(s));
    const auto now = weights(problem.parameters());
    all.insert(all.end(), now.begin(), now.end());
  }
  optimizer->use_evaluation_weights(true);
  const auto evaluated = weights(problem.parameters());
  optimizer->use_evaluation_weights(false);
  all.insert(all.begin(), evaluated.begin(), evaluated.end());
  return all;
}

template <class Check>
void for_every_optimizer(const Check& check) {
  for (const OptimizerEntry& entry : optimizers()) {
    if (!tests::selected(entry.text.name)) continue;
    CAPTURE(entry.text.name);
    check(entry);
  }
}

}  // namespace

TEST_CASE("every optimizer: describes itself, moves, and is made again from its own spec") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    CHECK(!entry.text.summary.empty());
    CHECK(!entry.text.paper.empty());
    CHECK(!entry.text.equations.empty());
    const auto run = trajectory(plain_spec(entry));
    CHECK(finite(run));
    const size_t n = weights(make_parameters()).size();
    CHECK(run[n] != run[run.size() - n]);
    const auto optimizer = make_optimizer(plain_spec(entry), make_parameters());
    CHECK(trajectory(optimizer->spec()) == run);
  });
}

TEST_CASE("every optimizer: saved at any step and loaded, it continues bit for bit") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    for (const int64 stop : {1, 5, 8}) {
      Problem problem(make_parameters());
      auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      for (int64 s = 1; s <= 12; ++s) {
        if (s == stop + 1) {
          const SavedState saved = optimizer->save_state();
          optimizer = make_optimizer(plain_spec(entry), problem.parameters());
          optimizer->load_state(saved);
        }
        optimizer->step(problem.at(s), scale_at(s));
      }
      const auto end = weights(problem.parameters());
      const auto whole = trajectory(plain_spec(entry));
      CHECK(std::equal(end.begin(), end.end(), whole.end() - static_cast<std::ptrdiff_t>(end.size())));
    }
  });
}

TEST_CASE("every optimizer: a frozen parameter and one without gradient keep value and state") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem problem(make_parameters());
    const auto& ps = problem.parameters();
    const auto optimizer = make_optimizer(plain_spec(entry), ps);
    optimizer->step(problem.at(1));
    ps[1]->frozen = true;
    const auto kept = values_of(ps[1]->value), moving = values_of(ps[0]->value);
    for (int64 s = 2; s <= 12; ++s) optimizer->step(problem.at(s));
    CHECK(values_of(ps[1]->value) == kept);
    CHECK(values_of(ps[0]->value) != moving);
    ps[1]->frozen = false;
    for (int64 s = 13; s <= 24; ++s) optimizer->step(problem.at(s));
    CHECK(values_of(ps[1]->value) != kept);
    CHECK(finite(weights(ps)));
  });
}

TEST_CASE("every optimizer: a parameter added late starts afresh") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Parameters all = make_parameters();
    Parameters first(all.begin(), all.end() - 1);
    const auto optimizer = make_optimizer(plain_spec(entry), first);
    Problem early(first);
    for (int64 s = 1; s <= 3; ++s) optimizer->step(early.at(s));
    const auto before = values_of(all.back()->value);
    optimizer->add_parameter(all.back());
    CHECK_THROWS_AS(optimizer->add_parameter(all.back()), UsageError);
    Problem late(all);
    for (int64 s = 4; s <= 16; ++s) optimizer->step(late.at(s));
    CHECK(values_of(all.back()->value) != before);
    CHECK(finite(weights(all)));
  });
}

TEST_CASE("every optimizer: zero gradients do no harm") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem problem(make_parameters());
    const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
    problem.scale = 0;
    for (int64 s = 1; s <= 4; ++s) optimizer->step(problem.at(s));
    CHECK(finite(weights(problem.parameters())));
    problem.scale = 1;
    for (int64 s = 5; s <= 8; ++s) optimizer->step(problem.at(s));
    CHECK(finite(weights(problem.parameters())));
  });
}

TEST_CASE("every optimizer: two threads give the bits of one") {
  const int before = threads();
  for_every_optimizer([](const OptimizerEntry& entry) {
    const auto run = [&](int n) {
      set_threads(n);
      Problem problem(make_parameters(23001));
      const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      for (int64 s = 1; s <= 3; ++s) optimizer->step(problem.at(s));
      return weights(problem.parameters());
    };
    // Matrix work goes through BLAS, whose sums depend on its threads (optim/README.md).
    static const std::vector<std::string> kMatrixWork = {"mars-shampoo", "muon", "adamuon", "adago",
                                                         "lanton",       "egn",  "shampoo", "soap",
                                                         "splus",        "spa",  "psgd",    "subset-norm"};
    if (std::find(kMatrixWork.begin(), kMatrixWork.end(), entry.text.name) != kMatrixWork.end()) return;
    CHECK(run(1) == run(2));
  });
  set_threads(before);
}

TEST_CASE("every optimizer: a gradient that is not finite is refused and changes nothing") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    for (const real bad : {std::numeric_limits<real>::quiet_NaN(), std::numeric_limits<real>::infinity()}) {
      Problem problem(make_parameters());
      const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
      optimizer->step(problem.at(1));
      const auto before = weights(problem.parameters());
      problem.scale = bad;
      CHECK_THROWS_AS(optimizer->step(problem.at(2)), NumericError);
      CHECK(weights(problem.parameters()) == before);
    }
  });
}

TEST_CASE("every optimizer: bad options, schedules, shapes and names are refused") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    const auto refused = [&](const std::string& options) {
      CHECK_THROWS_AS(make_optimizer(plain_spec(entry, options), make_parameters()), UsageError);
    };
    refused("nonsense=1");
    for (const OptionInfo& option : entry.options) {
      CAPTURE(option.name);
      if (option.limits.starts_with("> 0")) refused(option.name + "=0");
      if (option.limits.starts_with("> 0") || option.limits.starts_with(">= 0") ||
          option.limits.starts_with("0 <"))
        refused(option.name + "=-1");
      if (option.type != "word") refused(option.name + "=nan");
      if (option.type == "word") refused(option.name + "=nonsense");
    }
    Problem problem(make_parameters());
    const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
    CHECK_THROWS_AS(optimizer->step(problem.at(1), -0.5), UsageError);
    problem.parameters()[0]->grad = Tensor::zeros({7});
    CHECK_THROWS_AS(optimizer->step(1.0, 1.0), Error);
    Parameters twice = make_parameters();
    twice[1]->name = "w";
    CHECK_THROWS_AS(make_optimizer(plain_spec(entry), twice), UsageError);
    SavedState foreign;
    foreign.scalars["stranger/t"] = 3;
    CHECK_THROWS_AS(optimizer->load_state(foreign), DataError);
  });
  CHECK_THROWS_AS(make_optimizer("adm", make_parameters()), UsageError);
  CHECK_THROWS_AS(make_optimizer("adam(sgd)", make_parameters()), UsageError);
  CHECK_THROWS_AS(make_optimizer("lookahead", make_parameters()), UsageError);
}

TEST_CASE("every optimizer: every option changes the trajectory") {
  // Some options only matter together with others.
  const std::vector<std::string> contexts = {
      "",
      "weight_decay=0.1",
      "momentum=0.9",
      "momentum=0.9,weight_decay=0.1",
      "rectify=true",
      "weight_decay=0.1,rectify=true",
      "lr=0.1,relative_step=false",
      "lr=0.1,relative_step=false,clip_threshold=0.1",
      "switch_tol_rel=10,weight_decay=0.1",
      "beta3_warmup=20,alpha_warmup=20",
      "nesterov=true,momentum=0.9",
      "delta=9,weight_decay=0.1",
      "r=2",
      "r=2,reg_relative=true",
      "initial_accumulator_value=1",
      "optimize_1d=true",
      "beta2=0.5",
      "max_grad_norm=0.1",
      "topC=2",
      "synced=false,topC=2",
      "form=momentum",
      "rectify=true,beta2=0.9",
      "beta1=0.5,beta2=0.5",
      "eps2=2",
      "warmup_init=true",
      "topC=2,decay=1",
      "warmup_steps=2",
      "warmup_steps=2,lambda_rel=1",
      "free_steps=3",
      "mode=value,tau=0.1",
      "inner_iter=2",
      "epsilon=9,inner_iter=2",
      "momentum_type=sm",
      "momentum_type=sm,rank=1",
      "momentum_type=sm,rank=1,update_proj_gap=2",
      "subset_size=2",
      "recluster_interval=1",
      "recluster_interval=2,n_clusters=2",
      "recluster_interval=2,n_clusters=1,scale_mode=mean",
      "gamma=0.5",
      "momentum=0.9,delta=9",
      "beta2=0.9",
      "form=released",
      "form=original",
      "lr=3",
      "autoschedule=true,n_batches_per_epoch=2",
      "autoschedule=true,n_batches_per_epoch=2,lr=3",
      "autoschedule=true,n_batches_per_epoch=1,lr=3,independent_batch=true",
      "use_fstar=true",
      "preconditioner=fisher",
      "preconditioner=hutchinson",
      "preconditioner=newton",
      "preconditioner=adagrad-sqr",
      "adaptive=false",
      "line_search=true",
      "line_search=true,lr=9",
      "adam_lr=0.1,adam_weight_decay=0.1",
      "lr=3,weight_decay=0.1",
      "n_batches_per_epoch=1",
      "d0=1",
      "d0=1,beta2=0.5"};
  const auto candidates = [](const OptionInfo& o) -> std::vector<std::string> {
    if (o.type == "flag") return {o.default_value == "true" ? "false" : "true"};
    if (o.type == "integer") return {"0", "1", "2", "3", "7"};
    if (o.type == "number") return {"0.3", "0.05", "0.5", "0", "0.9", "3", "1e-3", "20", "1.02"};
    std::vector<std::string> words;
    for (size_t at = 0; at < o.limits.size();) {
      const size_t bar = std::min(o.limits.find(" | ", at), o.limits.size());
      words.push_back(o.limits.substr(at, bar - at));
      at = bar + 3;
    }
    return words;
  };
  const auto tried = [](const std::string& spec) -> std::vector<real> {
    try {
      // Clusters and subsets need tensors of some size.
      const bool large = spec.starts_with("sgg") || spec.starts_with("subset-norm");
      return trajectory(spec, 8, {}, large ? 16 : 4);
    } catch (const Error&) {
      return {};
    }
  };
  const auto matters = [&](const OptimizerEntry& entry, const OptionInfo& option) {
    for (const std::string& context : contexts) {
      const auto plain = tried(plain_spec(entry, context));
      if (plain.empty()) continue;
      for (const std::string& value : candidates(option)) {
        OptionList changed = parse_options(context);
        std::erase_if(changed, [&](const auto& o) { return o.first == option.name; });
        changed.emplace_back(option.name, value);
        const auto other = tried(plain_spec(entry, Spec{"", "", changed}.str().substr(1)));
        if (!other.empty() && other != plain) return true;
      }
    }
    return false;
  };
  // Two options that exclude each other; a form that has no second moment but the options of its family; free text.
  const std::vector<std::string> exempt = {"adafactor relative_step", "mars-lion beta2",
                                           "subset-norm subset_size"};
  for_every_optimizer([&](const OptimizerEntry& entry) {
    for (const OptionInfo& option : entry.options) {
      CAPTURE(option.name);
      if (std::find(exempt.begin(), exempt.end(), entry.text.name + " " + option.name) == exempt.end())
        CHECK(matters(entry, option));
    }
  });
}

TEST_CASE("every optimizer: what it needs is asked for by name; an objective that has less is refused") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Parameters ps = make_parameters();
    const auto optimizer = make_optimizer(plain_spec(entry), ps);
    const Needs n = optimizer->needs();
    const bool more = n.loss || n.re_evaluation || n.hvp || n.per_sample || n.gauss_newton || n.second_batch;
    Problem(ps).at(1).gradient();
    const auto before = weights(ps);
    if (!more) {
      optimizer->step();
      return;
    }
    try {
      optimizer->step();
      FAIL_CHECK("accepted");
    } catch (const UsageError& e) {
      CHECK(std::string(e.what()).find(entry.text.name) != std::string::npos);
    }
    CHECK(weights(ps) == before);
  });
}

TEST_CASE(
    "every optimizer: a NaN at other weights of the batch is refused and changes nothing, or is not met") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    if (!make_optimizer(plain_spec(entry), make_parameters())->needs().re_evaluation) return;
    Problem problem(make_parameters());
    const auto optimizer = make_optimizer(plain_spec(entry), problem.parameters());
    for (int64 s = 1; s <= 3; ++s) optimizer->step(problem.at(s));
    const auto before = weights(problem.parameters());
    problem.poisoned_after = 1;
    try {
      optimizer->step(problem.at(4));
    } catch (const NumericError&) {
      CHECK(weights(problem.parameters()) == before);
    }
    CHECK(finite(weights(problem.parameters())));
  });
}

TEST_CASE("every optimizer: no curvature at all, equal gradients and vectors alone are borne") {
  for_every_optimizer([](const OptimizerEntry& entry) {
    Problem flat(make_parameters());
    flat.curvature = 0;
    const auto optimizer = make_optimizer(plain_spec(entry), flat.parameters());
    for (int64 s = 1; s <= 6; ++s) optimizer->step(flat.at(1));
    CHECK(finite(weights(flat.parameters())));
    if (entry.text.name == "companion") {
      CHECK_THROWS_AS(make_optimizer(plain_spec(entry), {make_parameters()[1]}), UsageError);
      return;
    }
    Problem vectors({make_parameters()[1]});
    const auto start = weights(vectors.parameters());
    const auto rule = make_optimizer(plain_spec(entry), vectors.parameters());
    for (int64 s = 1; s <= 6; ++s) rule->step(vectors.at(s));
    CHECK(finite(weights(vectors.parameters())));
    CHECK(weights(vectors.parameters()) != start);
  });
}

TEST_CASE("wrappers: around every optimizer they train, resume bit for bit, or refuse with both names") {
  std::vector<std::string> inner;
  for (const OptimizerEntry& entry : optimizers()) inner.push_back(plain_spec(entry));
  for (const OptimizerEntry& wrapper : optimizers()) {
    if (!wrapper.wraps || !tests::selected(wrapper.text.name)) continue;
    for (const std::string& inside : inner) {
      const std::string spec = wrapper.text.name + "(" + inside + ")";
      CAPTURE(spec);
      try {
        Problem whole(make_parameters()), halves(make_parameters());
        const auto uninterrupted = make_optimizer(spec, whole.parameters());
        auto interrupted = make_optimizer(spec, halves.parameters());
        for (int64 s = 1; s <= 5; ++s) {
          if (s == 3) {
            const SavedState saved = interrupted->save_state();
            interrupted = make_optimizer(spec, halves.parameters());
            interrupted->load_state(saved);
          }
          uninterrupted->step(whole.at(s), scale_at(s));
          interrupted->step(halves.at(s), scale_at(s));
        }
        CHECK(finite(weights(whole.parameters())));
        CHECK(weights(whole.parameters()) == weights(halves.parameters()));
      } catch (const UsageError& e) {
        const std::string what = e.what();
        CHECK(what.find(wrapper.text.name) != std::string::npos);
        CHECK(what.find(parse_spec(inside).name) != std::string::npos);
      }
    }
  }
}

TEST_CASE("chains: transforms, wrappers and companions nest, take groups, and resume bit for bit") {
  const std::vector<GroupSpec> groups = {parse_group("kind=bias:lr=0.01,weight_decay=0")};
  for (const std::string spec :
       {"clip-norm(adagc(component-clipping(adamw:lr=1e-2):max_clip_value=1):warmup_steps=3):max_norm=2",
        "sam(lawn(sgg(adam:lr=1e-2):recluster_interval=2):free_steps=2):rho=0.1",
        "ema(lookahead(companion(soap:lr=1e-2|lion:lr=1e-3):heads=true))",
        "gradient-regularization(clip-value(companion(muon|adamw))):gamma=0.1",
        "amp(nfnet-agc(coordinate-clipping(sgd:momentum=0.9)))", "companion(egn:momentum=0.5|adamw)",
        "accumulate(companion(lanton:lr=1e-2|adamw):embeddings=true):steps=2"}) {
    CAPTURE(spec);
    const auto whole = trajectory(spec, 9, groups);
    CHECK(finite(whole));
    Problem problem(make_parameters());
    auto optimizer = make_optimizer(spec, problem.parameters(), groups);
    for (int64 s = 1; s <= 9; ++s) {
      const SavedState saved = optimizer->save_state();
      optimizer = make_optimizer(spec, problem.parameters(), groups);
      optimizer->load_state(saved);
      optimizer->step(problem.at(s), scale_at(s));
    }
    const auto end = weights(problem.parameters());
    CHECK(std::equal(end.begin(), end.end(), whole.end() - static_cast<std::ptrdiff_t>(end.size())));
  }
}

TEST_CASE("companion: who takes what, groups by rule, refusals") {
  const auto option = [](const std::string& spec, const char* name, const char* key,
                         const std::vector<GroupSpec>& groups = {}) {
    const auto optimizer = make_optimizer(spec, make_parameters(), groups);
    for (const auto& p : optimizer->parameters())
      if (p->name == name) return optimizer->option(*p, key).value_or(-1);
    return -2.0;
  };
  const std::string spec = "companion(muon:lr=0.5|adamw:lr=0.25)";
  for (const char* matrix : {"w", "k"}) CHECK(option(spec, matrix, "lr") == 0.5);
  for (const char* other : {"b", "e", "h"}) CHECK(option(spec, other, "lr") == 0.25);
  CHECK(option(spec + ":heads=true", "h", "lr") == 0.5);
  CHECK(option(spec + ":embeddings=true", "e", "lr") == 0.5);
  CHECK(option("companion(muon:lr=0.5)", "b", "lr") == 1e-3);
  CHECK(option(spec, "b", "eps", {parse_group("*:eps=0.125")}) == 0.125);
  CHECK_THROWS_AS(option(spec, "b", "lr", {parse_group("*:nonsense=1")}), UsageError);
  for (const char* bad : {"companion(muon|oasis)", "companion(muon|adamw|sgd)", "companion",
                          "companion(muon|)x", "companion(muon|companion2)", "companion(nonsense|adamw)"})
    CHECK_THROWS_AS(make_optimizer(bad, make_parameters()), UsageError);
}
