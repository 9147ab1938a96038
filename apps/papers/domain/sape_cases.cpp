#include "apps/papers/domain/sape_cases.h"

#include <algorithm>

#include "apps/fields/field_training.h"
#include "apps/papers/landscape.h"
#include "core/error.h"
#include "nn/fields/fourier_features.h"
#include "nn/fields/sape_mask.h"

namespace gradus {
namespace sape_cases {

struct Encoding {
  bool identity = true;
  void visit(auto&& f) { f("identity", identity, "the coordinates themselves come first"); }
};

CaseFunction encoding() {
  return case_function<Encoding>(
      {"fourier-encoding",
       "coordinates as sines and cosines",
       {{"x", "N,d"}, {"frequencies", "d,F"}},
       {{"encoding", "N,e"}}},
      [](const Encoding& o, const CaseValues& in, CaseValues& out) {
        out.set("encoding", fourier_encoding(in.tensor("x"), in.tensor("frequencies"), o.identity));
      });
}

struct Grid {
  int64 res = 4;
  void visit(auto&& f) { f("res", res, "cells along an axis", between(3, 1000)); }
};

CaseFunction interpolation() {
  return case_function<Grid>(
      {"mask-interpolation",
       "cells around each point, their weights, the blurred mask between them",
       {{"x", "N,d"}, {"mask", "cells,D"}},
       {{"cells", "N,corners", CaseType::kInt}, {"weights", "N,corners"}, {"mask", "N,D"}}},
      [](const Grid& o, const CaseValues& in, CaseValues& out) {
        const Tensor& given = in.tensor("mask");
        const GridCorners corners = grid_corners(in.tensor("x"), o.res);
        SapeMask mask(in.tensor("x").dim(1), o.res, given.dim(1), 1, 0);
        if (given.dim(0) != mask.cells())
          fail<DataError>("inputs.mask: {} cells, expected {}", given.dim(0), mask.cells());
        mask.mask = doubles_of(given);
        out.set("cells", corners.cells);
        out.set("weights", tensor_of(corners.weights, corners.cells.shape()));
        out.set("mask", mask.at(corners));
      });
}

IntTensor flags_of(const SapeMask& mask) {
  IntTensor flags({mask.cells()});
  for (int64 c = 0; c < mask.cells(); ++c) flags.mutable_data()[c] = mask.in_progress[static_cast<size_t>(c)];
  return flags;
}

struct Progress : Grid {
  int64 domain_dim = 1, block = 1;
  double epsilon = 1e-3;
  void visit(auto&& f) {
    f("domain_dim", domain_dim, "axes of the grid", between(1, 3));
    Grid::visit(f);
    f("epsilon", epsilon, "a cell whose loss is not above this gets no more channels");
    f("block", block, "channels of an update", at_least(1));
  }
};

CaseFunction progress() {
  return case_function<Progress>(
      {"progress-update",
       "one update: the cells' losses, which go on, the mask and the channels that come next",
       {{"log", "cells", CaseType::kReal, "sums of losses"},
        {"count", "cells", CaseType::kReal, "sums of weights"},
        {"in_progress", "cells", CaseType::kInt},
        {"mask", "cells,D"},
        {"cur", "", CaseType::kInt},
        {"next", "", CaseType::kInt}},
       {{"cell_loss", "cells"},
        {"in_progress", "cells", CaseType::kInt},
        {"mask", "cells,D"},
        {"cur", "", CaseType::kInt},
        {"next", "", CaseType::kInt}}},
      [](const Progress& o, const CaseValues& in, CaseValues& out) {
        const Tensor& given = in.tensor("mask");
        SapeMask mask(o.domain_dim, o.res, given.dim(1), std::min(o.block, given.dim(1)), o.epsilon);
        if (given.dim(0) != mask.cells())
          fail<DataError>("inputs.mask: {} cells, expected {}", given.dim(0), mask.cells());
        mask.mask = doubles_of(given);
        mask.log = doubles_of(in.tensor("log"));
        mask.count = doubles_of(in.tensor("count"));
        for (int64 c = 0; c < mask.cells(); ++c)
          mask.in_progress[static_cast<size_t>(c)] = in.ints("in_progress")[c] != 0;
        mask.cur = in.ints("cur")[0], mask.next = in.ints("next")[0];
        if (mask.cur < 0 || mask.next < mask.cur)
          fail<DataError>("inputs.cur, inputs.next: {} and {} of {} channels", mask.cur, mask.next,
                          given.dim(1));
        out.set("cell_loss", tensor_of(mask.update()));
        out.set("in_progress", flags_of(mask));
        out.set("mask", tensor_of(mask.mask, given.shape()));
        out.set("cur", IntTensor::full({}, mask.cur));
        out.set("next", IntTensor::full({}, mask.next));
      });
}

struct Train : FieldOptions {
  int64 iterations = 20;
  void visit(auto&& f) {
    visit_training(f);
    f("iterations", iterations, "iterations made", at_least(0));
  }
};

CaseFunction train() {
  return case_function<Train>(
      {"sape-train",
       "iterations of training with the mask",
       {{"x", "N,d"},
        {"y", "N,o"},
        {"frequencies", "d,F"},
        {"w1", "H,d+2*F"},
        {"b1", "H"},
        {"w2", "o,H"},
        {"b2", "o"}},
       {{"losses", "iterations"},
        {"mask", "cells,d+2*F"},
        {"in_progress", "cells", CaseType::kInt},
        {"w1", "H,d+2*F"},
        {"b1", "H"},
        {"w2", "o,H"},
        {"b2", "o"}}},
      [](const Train& o, const CaseValues& in, CaseValues& out) {
        FieldTraining training(in.tensor("x"), in.tensor("y"), in.tensor("frequencies"),
                               {in.tensor("w1"), in.tensor("b1"), in.tensor("w2"), in.tensor("b2")}, o);
        std::vector<double> losses;
        for (int64 i = 0; i < o.iterations; ++i) losses.push_back(training.step());
        const FieldNet net = training.net();
        out.set("losses", tensor_of(losses));
        out.set("mask", tensor_of(training.mask().mask, {training.mask().cells(), net[0].dim(1)}));
        out.set("in_progress", flags_of(training.mask()));
        out.set("w1", net[0]);
        out.set("b1", net[1]);
        out.set("w2", net[2]);
        out.set("b2", net[3]);
      });
}

}  // namespace sape_cases

std::vector<CaseFunction> sape_functions() {
  using namespace sape_cases;
  return {encoding(), interpolation(), progress(), train()};
}

}  // namespace gradus
