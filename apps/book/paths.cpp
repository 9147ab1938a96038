#include "apps/book/paths.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/book/rates.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "core/rng.h"
#include "optim/problems/function_objective.h"
#include "optim/problems/registry.h"
#include "optim/registry.h"

namespace gradus {
namespace {

constexpr std::array<PlaneView, 5> kViews = {{{"ravine", -1.9, 1.9, -1.3, 1.3},
                                              {"rosenbrock", -1.9, 1.9, -0.7, 1.9},
                                              {"rastrigin", -2.6, 2.6, -1.95, 1.95},
                                              {"saddle", -1.6, 1.6, -2.1, 2.1},
                                              {"beale", -0.5, 4.5, -1.5, 2}}};
constexpr size_t kMostPoints = 40;
constexpr double kLost = 1e6;  // an element beyond this has diverged

// A function of one batch: all data, one sample, the second batch is the first.
class PlaneObjective final : public Objective {
 public:
  PlaneObjective(const Parameters& parameters, const Function& f)
      : parameters_(parameters), inner_(parameters, f) {}
  const Parameters& parameters() const override { return parameters_; }
  Needs offers() const override {
    Needs needs = inner_.offers();
    needs.per_sample = needs.second_batch = needs.full_gradient = true;
    return needs;
  }
  double loss() override { return inner_.loss(); }
  double gradient() override { return inner_.gradient(); }
  std::vector<Tensor> hvp(std::span<const Tensor> v) override { return inner_.hvp(v); }
  Objective& second_batch() override { return *this; }
  std::vector<Tensor> full_gradient() override {
    const Tensor kept = parameters_[0]->grad;
    inner_.gradient();
    std::vector<Tensor> all{parameters_[0]->grad};
    parameters_[0]->grad = kept;
    return all;
  }
  std::vector<Tensor> per_sample_gradients() override { return {reshape(full_gradient()[0], {1, 1, 2})}; }

 private:
  const Parameters& parameters_;
  FunctionObjective inner_;
};

struct PlaneWalk {
  double loss = INFINITY;
  std::vector<double> x, y;
};

PlaneWalk walk_plane(const Spec& spec, const PlaneView& view) {
  const SmallProblem problem = make_problem(view.problem, Rng(0));
  const Function f = [&](std::span<const Tensor> w) { return problem.loss(std::array{reshape(w[0], {2})}); };
  const Parameters parameters{
      make_parameter("w", ParamKind::kWeight, reshape(problem.start[0], {1, 2}).clone())};
  PlaneObjective objective(parameters, f);
  const OptimizerPtr optimizer = make_optimizer(spec, parameters);
  PlaneWalk walk;
  const auto note = [&] {
    optimizer->use_evaluation_weights(true);
    walk.x.push_back(static_cast<double>(parameters[0]->value.data()[0]));
    walk.y.push_back(static_cast<double>(parameters[0]->value.data()[1]));
    const double loss = objective.loss();
    optimizer->use_evaluation_weights(false);
    return std::isfinite(loss) && std::abs(walk.x.back()) < kLost && std::abs(walk.y.back()) < kLost
               ? loss
               : INFINITY;
  };
  walk.x.push_back(static_cast<double>(problem.start[0].data()[0]));
  walk.y.push_back(static_cast<double>(problem.start[0].data()[1]));
  try {
    for (int step = 0; step < kPathSteps; ++step) {
      optimizer->step(objective);
      walk.loss = note();
      if (!std::isfinite(walk.loss)) break;
    }
  } catch (const NumericError&) {
    walk.loss = INFINITY;
  }
  return walk;
}

}  // namespace

std::span<const PlaneView> plane_views() { return kViews; }

const PlaneView& plane_view(const std::string& problem) {
  std::vector<std::string> names;
  for (const PlaneView& view : kViews) {
    if (problem == view.problem) return view;
    names.emplace_back(view.problem);
  }
  throw UsageError(unknown_name("problem of two variables", problem, names));
}

PlanePath plane_path(const std::string& text, const PlaneView& view) {
  const Spec spec = with_something_inside(parse_spec(text));
  PlanePath path;
  PlaneWalk best;
  Spec probe = spec;
  const bool tuned = set_rate(probe, path_rates()[0]);
  {  // what it asks for, before anything runs
    const Parameters parameters{make_parameter("w", ParamKind::kWeight, Tensor::zeros({1, 2}))};
    const Function none = [](std::span<const Tensor>) { return Tensor(); };
    const Needs needs = make_optimizer(probe, parameters)->needs(),
                offers = PlaneObjective(parameters, none).offers();
    for (const NeedText& t : need_texts())
      if (needs.*t.need && !(offers.*t.need)) {
        path.why = fmt::format("asks for {}, which a plain function has not", t.what);
        return path;
      }
  }
  if (!tuned) {
    best = walk_plane(spec, view);
    path.lr = given_rate(spec);
  } else {
    for (const double lr : path_rates()) {
      Spec trial = spec;
      set_rate(trial, lr);
      PlaneWalk walk = walk_plane(trial, view);
      path.sweep.push_back(walk.loss);
      if (path.lr == 0 || walk.loss < best.loss) {
        best = std::move(walk);
        path.lr = lr;
      }
    }
  }
  path.loss = best.loss;
  const size_t n = best.x.size();
  size_t last = n;
  for (size_t k = 0; k < kMostPoints; ++k) {  // more of the early steps, where it turns
    const double share = std::pow(static_cast<double>(k) / (kMostPoints - 1), 1.6);
    const auto i = static_cast<size_t>(std::lround(share * static_cast<double>(n - 1)));
    if (i == last) continue;
    last = i;
    path.x.push_back(best.x[i]);
    path.y.push_back(best.y[i]);
  }
  return path;
}

std::map<std::string, PlanePath> paths_of(const std::string& optimizer) {
  std::map<std::string, PlanePath> paths;
  for (const PlaneView& view : plane_views().first(kBookProblems)) {
    PlanePath& path = paths[view.problem];
    try {
      path = plane_path(optimizer, view);
    } catch (const Error& error) {
      path.why = error.what();
    }
  }
  return paths;
}

std::string paths_text(const PathTable& paths) {
  const auto number = rounded_text;
  const auto list = rounded_list;
  std::string out = "{\"format\":\"gradus-paths-1\",\"steps\":" + std::to_string(kPathSteps) +
                    ",\"rates\":" + list({path_rates().begin(), path_rates().end()}, 3) + ",\"optimizers\":{";
  bool first = true;
  for (const auto& [name, problems] : paths) {
    out += fmt::format("{}\n{}:{{", first ? "" : ",", nlohmann::json(name).dump());
    first = false;
    bool inner = true;
    for (const auto& [problem, p] : problems) {
      out += fmt::format("{}\n{}:", inner ? "" : ",", nlohmann::json(problem).dump());
      inner = false;
      if (!p.why.empty())
        out += "{\"why\":" + nlohmann::json(p.why).dump() + "}";
      else
        out += fmt::format("{{\"lr\":{},\"loss\":{},\"sweep\":{},\"x\":{},\"y\":{}}}", number(p.lr, 3),
                           number(p.loss, 4), list(p.sweep, 3), list(p.x, 3), list(p.y, 3));
    }
    out += "}";
  }
  return out + "}}\n";
}

PathTable paths_from_text(const std::string& text, const std::string& source) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", "") != "gradus-paths-1")
    fail<DataError>("{}: expected recorded paths of format gradus-paths-1", source);
  PathTable table;
  const auto number = [](const nlohmann::json& v) { return v.is_null() ? INFINITY : v.get<double>(); };
  try {
    for (const auto& [name, problems] : json.at("optimizers").items())
      for (const auto& [problem, p] : problems.items()) {
        PlanePath path;
        if (p.contains("why")) {
          path.why = p.at("why").get<std::string>();
        } else {
          path.lr = number(p.at("lr"));
          path.loss = number(p.at("loss"));
          for (const auto& v : p.at("sweep")) path.sweep.push_back(number(v));
          for (const auto& v : p.at("x")) path.x.push_back(number(v));
          for (const auto& v : p.at("y")) path.y.push_back(number(v));
          if (path.x.size() != path.y.size())
            fail<DataError>("{}: {} on {}: x and y differ in length", source, name, problem);
        }
        table[name][problem] = std::move(path);
      }
  } catch (const nlohmann::json::exception& error) {
    fail<DataError>("{}: {}", source, error.what());
  }
  return table;
}

}  // namespace gradus
