// A command kept in a sector around the person's own, and how much an expert counts beside that person.
//
// Paper: Juston, Gisi, Norris, Nottage, Soylemezoglu, "APECS: Adaptive Personalized Control System Architecture", 2025, arXiv
//        2503.09624.
//   lo, hi = smaller, larger of a*u_h, b*u_h;  clamp: u = min(max(y, lo), hi);  smooth: u = u_h ((a+b)/2 + (b-a)/2 tanh y)
//   worst cases: human = max(b-1, 1-a)^2 mean u_h^2,  expert = mean of max(|lo - u_e|, |hi - u_e|)^2
//   gamma = human/(human + expert), so that both weigh the same at worst
// The formulas are our reconstruction; the paper's own are not public.
#pragma once

#include "autograd/graph.h"
#include "core/options.h"

namespace gradus {

struct SectorBounds {
  double a = 0.5, b = 1.5;
  void visit(auto&& f) {
    f("a", a, "least multiple of the person's command", between(0, 1));
    f("b", b, "largest multiple of the person's command", at_least(1));
  }
};
struct SectorOptions : SectorBounds {
  std::string kind = "clamp";
  void visit(auto&& f) {
    SectorBounds::visit(f);
    f("kind", kind, "cut off at the sector's edges, or a smooth step between them",
      choices({"clamp", "smooth"}));
  }
};
/// y, u_h of one shape -> u; clamp: derivative by y 1 inside of the sector, 0 outside. u_h is a constant. Throws ShapeError.
Tensor sector_saturation(const Tensor& y, const Tensor& u_h, const SectorOptions& options = {});

struct WorstCaseWeight {
  double human = 0, expert = 0, gamma = 0;
};
/// u_h, u_e of one shape, at least one entry. Where both worst cases are 0, gamma is 1/2. Throws ShapeError.
WorstCaseWeight worst_case_weight(const Tensor& u_h, const Tensor& u_e, const SectorBounds& options = {});

}  // namespace gradus
