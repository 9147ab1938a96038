#include "apps/papers/language/g-act_cases.h"

#include "apps/papers/landscape.h"
#include "apps/steering/probe_training.h"
#include "autograd/ops/elementwise.h"
#include "autograd/ops/matmul.h"
#include "autograd/ops/reduce.h"
#include "nn/steering/steering.h"

namespace gradus {
namespace {

IntTensor int_list(const std::vector<int64>& values, const Shape& shape) {
  return IntTensor::from(shape, values);
}

// Element i of the leading axis, without it.
Tensor at_leading(const Tensor& x, int64 i) {
  std::vector<int64> rest(x.shape().begin() + 1, x.shape().end());
  return x.rows(i, i + 1).view(Shape(rest));
}

// The probes of cases: mean, std (L,d), weight (L,K,d), bias (L,K).
std::vector<SteeringProbe> probes_of(const CaseValues& in) {
  std::vector<SteeringProbe> probes;
  for (int64 l = 0; l < in.tensor("mean").dim(0); ++l)
    probes.push_back({at_leading(in.tensor("mean"), l), at_leading(in.tensor("std"), l),
                      at_leading(in.tensor("weight"), l), at_leading(in.tensor("bias"), l)});
  return probes;
}
std::vector<CaseSlot> probe_slots() {
  return {{"mean", "L,d"}, {"std", "L,d"}, {"weight", "L,K,d"}, {"bias", "L,K"}};
}

struct DirectionsCase {
  int64 iterations = 50;
  void visit(auto&& f) { f("iterations", iterations, "rounds of Lloyd's algorithm at most", at_least(0)); }
};

CaseFunction directions_function() {
  return case_function<DirectionsCase>(
      {"steering-directions",
       "clusters of normalised differences of activations, and their mean differences",
       {{"target", "N,L,d", CaseType::kReal, "activations in the target concept"},
        {"default", "N,L,d", CaseType::kReal, "in the model's own"},
        {"init", "K", CaseType::kInt, "rows that the centroids start at"}},
       {{"labels", "N", CaseType::kInt}, {"centroids", "K,L*d"}, {"vectors", "K,L,d"}, {"inertia", ""}}},
      [](const DirectionsCase& o, const CaseValues& in, CaseValues& out) {
        const SteeringDirections s = steering_directions(in.tensor("target"), in.tensor("default"),
                                                         in.ints("init").span(), o.iterations);
        out.set("labels", int_list(s.labels, {std::ssize(s.labels)}));
        out.set("centroids", s.centroids);
        out.set("vectors", s.vectors);
        out.set("inertia", s.inertia);
      });
}

struct ProbeCase : ProbeTrainingOptions {
  int64 classes = 4;
  void visit(auto&& f) {
    ProbeTrainingOptions::visit(f);
    f("classes", classes, "clusters", at_least(1));
  }
};

CaseFunction probe_function() {
  return case_function<ProbeCase>({"probe-train",
                                   "a layer's probe trained from zero on standardised activations",
                                   {{"activations", "N,d"}, {"labels", "N", CaseType::kInt}},
                                   {{"mean", "d"},
                                    {"std", "d"},
                                    {"weight", "classes,d"},
                                    {"bias", "classes"},
                                    {"losses", "epochs"},
                                    {"accuracy", ""}}},
                                  [](const ProbeCase& o, const CaseValues& in, CaseValues& out) {
                                    const TrainedProbe t = train_probe(
                                        in.tensor("activations"), in.ints("labels").values(), o.classes, o);
                                    out.set("mean", t.probe.mean);
                                    out.set("std", t.probe.std);
                                    out.set("weight", t.probe.weight);
                                    out.set("bias", t.probe.bias);
                                    out.set("losses", tensor_of(t.losses));
                                    out.set("accuracy", t.accuracy);
                                  });
}

struct OnlineCase {
  double online_lr = 1e-3, centroid_rate = 0.05;
  void visit(auto&& f) {
    f("online_lr", online_lr, "step size of the probes", at_least(0));
    f("centroid_rate", centroid_rate, "how far the nearest centroid moves", between(0, 1));
  }
};

CaseFunction online_function() {
  std::vector<CaseSlot> inputs{{"target", "M,L,d"}, {"default", "M,L,d"}, {"centroids", "K,L*d"}};
  for (const CaseSlot& slot : probe_slots()) inputs.push_back(slot);
  return case_function<OnlineCase>(
      {"online-refine",
       "M prompts seen after the calibration, one after the other",
       inputs,
       {{"clusters", "M", CaseType::kInt}, {"weight", "L,K,d"}, {"bias", "L,K"}, {"centroids", "K,L*d"}}},
      [](const OnlineCase& o, const CaseValues& in, CaseValues& out) {
        std::vector<SteeringProbe> probes = probes_of(in);
        Tensor centroids = in.tensor("centroids").clone();
        std::vector<int64> clusters;
        for (int64 m = 0; m < in.tensor("target").dim(0); ++m)
          clusters.push_back(online_refine(at_leading(in.tensor("target"), m),
                                           at_leading(in.tensor("default"), m), centroids, probes,
                                           o.online_lr, o.centroid_rate));
        Tensor weight(in.tensor("weight").shape()), bias(in.tensor("bias").shape());
        for (int64 l = 0; l < std::ssize(probes); ++l) {
          at_leading(weight, l).copy_from(probes[static_cast<size_t>(l)].weight);
          at_leading(bias, l).copy_from(probes[static_cast<size_t>(l)].bias);
        }
        out.set("clusters", int_list(clusters, {std::ssize(clusters)}));
        out.set("weight", weight);
        out.set("bias", bias);
        out.set("centroids", centroids);
      });
}

CaseFunction act_function() {
  return case_function<NoOptions>({"act-probe",
                                   "probabilities of clusters by cosine with their mean activations",
                                   {{"activations", "N,d"}, {"means", "K,d"}},
                                   {{"probs", "N,K"}, {"clusters", "N", CaseType::kInt}}},
                                  [](const NoOptions&, const CaseValues& in, CaseValues& out) {
                                    const Tensor probs =
                                        act_probs(in.tensor("activations"), in.tensor("means"));
                                    out.set("probs", probs);
                                    out.set("clusters", argmax(probs, 1));
                                  });
}

struct SteeredCase : SteeringOptions {
  int64 prompt_len = 1;
  void visit(auto&& f) {
    SteeringOptions::visit(f);
    f("prompt_len", prompt_len, "rows in front that stay", at_least(0));
  }
};

CaseFunction steered_function() {
  std::vector<CaseSlot> inputs{{"hidden", "T,d"},
                               {"block", "L,d,d"},
                               {"steered", "L", CaseType::kInt, "1: this layer's output is steered"}};
  for (const CaseSlot& slot : probe_slots()) inputs.push_back(slot);
  inputs.push_back({"vectors", "K,L,d"});
  return case_function<SteeredCase>(
      {"steered-forward",
       "a stack of layers h + tanh(h block'), some of them steered",
       inputs,
       {{"hidden", "T,d"}, {"clusters", "L,T", CaseType::kInt, "-1: not steered"}}},
      [](const SteeredCase& o, const CaseValues& in, CaseValues& out) {
        const std::vector<SteeringProbe> probes = probes_of(in);
        const Tensor& vectors = in.tensor("vectors");
        Tensor h = in.tensor("hidden");
        std::vector<int64> clusters;
        for (int64 l = 0; l < std::ssize(probes); ++l) {
          h = h + tanh(linear(h, at_leading(in.tensor("block"), l)));
          if (!in.ints("steered")[l]) {
            clusters.insert(clusters.end(), static_cast<size_t>(h.dim(0)), -1);
            continue;
          }
          Tensor own({vectors.dim(0), vectors.dim(2)});
          for (int64 k = 0; k < vectors.dim(0); ++k)
            own.rows(k, k + 1).copy_from(at_leading(vectors, k).rows(l, l + 1));
          const Steered s = steer(h, {own, probes[static_cast<size_t>(l)], {}}, o, o.prompt_len);
          h = s.hidden;
          clusters.insert(clusters.end(), s.clusters.begin(), s.clusters.end());
        }
        out.set("hidden", h);
        out.set("clusters", int_list(clusters, {std::ssize(probes), h.dim(0)}));
      });
}

}  // namespace

std::vector<CaseFunction> g_act_functions() {
  return {directions_function(), probe_function(), online_function(), act_function(), steered_function()};
}

}  // namespace gradus
