// Elementwise primitives of two inputs, with broadcasting, and of one input and a number.
#include <cmath>

#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/scalar_math.h"

namespace gradus {
namespace {

const Primitive kAdd = binary(
    "add", [](real a, real b) { return a + b; }, [](const Ctx&, int, const Tensor& t) { return t; },
    kSaveNothing);

const Primitive kSub = binary(
    "sub", [](real a, real b) { return a - b; },
    [](const Ctx&, int i, const Tensor& t) { return i == 0 ? t : neg(t); }, kSaveNothing);

const Primitive kMul = binary(
    "mul", [](real a, real b) { return a * b; },
    [](const Ctx& c, int i, const Tensor& t) { return mul_or_zero(t, c[1 - i]); }, kSaveInputs);

// A cotangent or tangent t times a slope. What is not used has t = 0, and asks nothing of a slope that is infinite.
const Primitive kMulOrZero = binary(
    "mul_or_zero", [](real t, real slope) { return mul_or_zero(t, slope); },
    [](const Ctx& c, int i, const Tensor& t) { return mul_or_zero(t, c[1 - i]); }, kSaveInputs);

const Primitive kDiv = binary(
    "div", [](real a, real b) { return a / b; },
    [](const Ctx& c, int i, const Tensor& t) {
      if (i == 1) return neg(mul_or_zero(t, c.out() / c[1]));
      if (differentiated(t) || differentiated(c[1])) return mul_or_zero(t, reciprocal(c[1]));
      return kernels::map("div", t, c[1], [](real s, real b) { return s == 0 ? s : s / b; });
    },
    save_input(1) | kSaveOutput);

// d a^b = b a^(b-1) da + a^b log(a) db, the first taken as 0 where a = b = 0, the second where a <= 0.
const Primitive kPow = binary(
    "pow", [](real a, real b) { return std::pow(a, b); },
    [](const Ctx& c, int i, const Tensor& t) {
      if (i == 0) {
        const Tensor live = kernels::map("pow", c[0].detach(), c[1].detach(),
                                         [](real a, real b) { return a != 0 || b != 0 ? real{1} : real{0}; });
        const Tensor below = where(live, c[1] - 1, Tensor::scalar(0));
        return mul_or_zero(t, masked(c[1], live) * pow(c[0], below));
      }
      const Tensor positive = greater(c[0], Tensor::scalar(0));
      return mul_or_zero(t, masked(c.out() * log(where(positive, c[0], Tensor::scalar(1))), positive));
    },
    kSaveInputs | kSaveOutput);

// The smaller or larger of two numbers. NaN wins over any number; among equals, and of two NaN, the first wins.
template <class Better>
Primitive choice(const char* name, Better better) {
  const auto second_wins = [better](real a, real b) { return better(b, a) || (b != b && a == a); };
  return binary(
      name, [second_wins](real a, real b) { return second_wins(a, b) ? b : a; },
      [=](const Ctx& c, int i, const Tensor& t) {
        return masked(t, kernels::map(name, c[0].detach(), c[1].detach(), [=](real a, real b) {
                        return second_wins(a, b) == (i == 1) ? real{1} : real{0};
                      }));
      },
      kSaveInputs);
}
const Primitive kMinimum = choice("minimum", [](real b, real a) { return b < a; });
const Primitive kMaximum = choice("maximum", [](real b, real a) { return b > a; });

// t where m != 0, else 0: linear in t, constant in m. The derivative of everything that switches.
const Primitive kMasked = binary(
    "masked", [](real t, real m) { return m != 0 ? t : real{0}; },
    [](const Ctx& c, int i, const Tensor& t) { return i == 0 ? masked(t, c[1]) : Tensor(); }, save_input(1));

Tensor where_part(const Ctx& c, int i, const Tensor& t) {
  if (i == 0) return {};
  return masked(t, i == 1 ? c[0] : equal(c[0], Tensor::scalar(0)));
}

const Primitive kWhere{.name = "where",
                       .forward =
                           [](const Ctx& c) {
                             return kernels::map("where", c[0], c[1], c[2],
                                                 [](real m, real a, real b) { return m != 0 ? a : b; });
                           },
                       .vjp =
                           [](const Ctx& c, const Tensor& g) {
                             Grads grads(3);
                             for (int i = 1; i < 3; ++i)
                               if (c.needs(i))
                                 grads[static_cast<size_t>(i)] = sum_to(where_part(c, i, g), c.shape(i));
                             return grads;
                           },
                       .jvp = [](const Ctx& c, int i, const Tensor& t) -> Tensor {
                         const Tensor y = where_part(c, i, t);
                         if (!y.defined()) return y;
                         return broadcast_to(
                             y, broadcast(broadcast(c.shape(0), c.shape(1), "where"), c.shape(2), "where"));
                       },
                       .saves = save_input(0)};

// Comparisons are constant almost everywhere: no derivative in either input.
template <class F>
Primitive comparison(const char* name, F f) {
  return binary(
      name, [f](real a, real b) { return f(a, b) ? real{1} : real{0}; },
      [](const Ctx&, int, const Tensor&) { return Tensor(); }, kSaveNothing);
}
const Primitive kGreater = comparison("greater", [](real a, real b) { return a > b; });
const Primitive kGreaterEqual = comparison("greater_equal", [](real a, real b) { return a >= b; });
const Primitive kLess = comparison("less", [](real a, real b) { return a < b; });
const Primitive kLessEqual = comparison("less_equal", [](real a, real b) { return a <= b; });
const Primitive kEqual = comparison("equal", [](real a, real b) { return a == b; });

const Primitive kAddNumber{
    .name = "add_number",
    .forward =
        [](const Ctx& c) { return kernels::map(c[0], [s = c.attr<real>()](real x) { return x + s; }); },
    .vjp = [](const Ctx&, const Tensor& g) { return Grads{g}; },
    .jvp = [](const Ctx&, int, const Tensor& t) { return t; },
    .saves = kSaveNothing};

// A cotangent times or over a number, 0 staying 0 whatever the number.
Tensor times_number(const Tensor& t, real s) {
  return std::isfinite(s) ? mul(t, s) : mul_or_zero(t, Tensor::scalar(s));
}
Tensor over_number(const Tensor& t, real s) {
  return s != 0 && s == s ? div(t, s) : mul_or_zero(t, Tensor::scalar(1 / s));
}

const Primitive kMulNumber{
    .name = "mul_number",
    .forward =
        [](const Ctx& c) { return kernels::map(c[0], [s = c.attr<real>()](real x) { return x * s; }); },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{times_number(g, c.attr<real>())}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return times_number(t, c.attr<real>()); },
    .saves = kSaveNothing};

// A quotient, not a product with 1/s: x / x is 1, and 1/s may be infinite where x / s is not.
const Primitive kDivNumber{
    .name = "div_number",
    .forward =
        [](const Ctx& c) { return kernels::map(c[0], [s = c.attr<real>()](real x) { return x / s; }); },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{over_number(g, c.attr<real>())}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return over_number(t, c.attr<real>()); },
    .saves = kSaveNothing};

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return apply(kAdd, {a, b}); }
Tensor sub(const Tensor& a, const Tensor& b) { return apply(kSub, {a, b}); }
Tensor mul(const Tensor& a, const Tensor& b) { return apply(kMul, {a, b}); }
Tensor div(const Tensor& a, const Tensor& b) { return apply(kDiv, {a, b}); }
Tensor mul_or_zero(const Tensor& t, const Tensor& slope) { return apply(kMulOrZero, {t, slope}); }
Tensor pow(const Tensor& a, const Tensor& b) { return apply(kPow, {a, b}); }
Tensor minimum(const Tensor& a, const Tensor& b) { return apply(kMinimum, {a, b}); }
Tensor maximum(const Tensor& a, const Tensor& b) { return apply(kMaximum, {a, b}); }
Tensor masked(const Tensor& t, const Tensor& mask) { return apply(kMasked, {t, mask.detach()}); }
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return apply(kWhere, {condition.detach(), a, b});
}

Tensor greater(const Tensor& a, const Tensor& b) { return apply(kGreater, {a.detach(), b.detach()}); }
Tensor greater_equal(const Tensor& a, const Tensor& b) {
  return apply(kGreaterEqual, {a.detach(), b.detach()});
}
Tensor less(const Tensor& a, const Tensor& b) { return apply(kLess, {a.detach(), b.detach()}); }
Tensor less_equal(const Tensor& a, const Tensor& b) { return apply(kLessEqual, {a.detach(), b.detach()}); }
Tensor equal(const Tensor& a, const Tensor& b) { return apply(kEqual, {a.detach(), b.detach()}); }

Tensor add(const Tensor& a, real s) { return apply(kAddNumber, {a}, Attr::of(s)); }
Tensor mul(const Tensor& a, real s) { return apply(kMulNumber, {a}, Attr::of(s)); }
Tensor div(const Tensor& a, real s) { return apply(kDivNumber, {a}, Attr::of(s)); }

void add_in_place(Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape()))
    fail<ShapeError>("add_in_place: {} into {}", b.shape().str(), a.shape().str());
  real* to = a.mutable_data();
  const real* from = b.data();
  parallel_for(a.numel(), kParallelGrain, [=](int64 begin, int64 end) {
    for (int64 i = begin; i < end; ++i) to[i] += from[i];
  });
}

PrimitiveList binary_primitives() {
  return {&kAdd,     &kSub,       &kMul,    &kMulOrZero, &kDiv,       &kPow,
          &kMinimum, &kMaximum,   &kMasked, &kWhere,     &kGreater,   &kGreaterEqual,
          &kLess,    &kLessEqual, &kEqual,  &kAddNumber, &kMulNumber, &kDivNumber};
}

}  // namespace gradus
