// Options of every entry of the optimizer registry: the bad ones are refused, the others matter; needs are asked for.
#include "tests/optim/contract.h"

using namespace gradus;
using namespace gradus::testing;

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
      "d0=1,beta2=0.5",
      "threshold=0.3,wait_steps=2",
      "reset_every=3",
      "ramp=7,k=1",
      "total_steps=7",
      "window=2",
      "s_init=0.1",
      "centered=true",
      "steps_before_centered=1",
      "keep=2",
      "beta1_warmup=20",
      "variant=exp",
      "simple=true",
      "selection=random"};
  const auto candidates = [](const OptionInfo& o) -> std::vector<std::string> {
    if (o.type == "flag") return {o.default_value == "true" ? "false" : "true"};
    if (o.type == "integer") return {"0", "1", "2", "3", "7"};
    if (o.type == "numbers") return {"0.3", "0.5-0.9"};
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
  // Two options that exclude each other; a form that has no second moment but the options of its family; free text; a power
  // of the largest lr so far, which here is that of the first step.
  const std::vector<std::string> exempt = {"adafactor relative_step", "mars-lion beta2",
                                           "subset-norm subset_size", "schedule-free weight_lr_power"};
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
    const bool more = optimizer->needs().beyond({});
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
