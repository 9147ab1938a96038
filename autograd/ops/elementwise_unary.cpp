// Elementwise primitives of one input: each is its function and its slope.
#include <cmath>
#include <numbers>

#include "autograd/ops/attrs.h"
#include "autograd/ops/factories.h"
#include "autograd/ops/families.h"
#include "autograd/ops/scalar_math.h"

namespace gradus {
namespace {

constexpr real kSqrtHalf = real(1) / std::numbers::sqrt2_v<real>;
constexpr real kTwoOverSqrtPi = 2 * std::numbers::inv_sqrtpi_v<real>;
constexpr real kInvSqrtTwoPi = std::numbers::inv_sqrtpi_v<real> * kSqrtHalf;
constexpr real kGeluScale = real(0.79788456080286535588), kGeluCubic = real(0.044715);  // sqrt(2/pi)

const Primitive kNeg{.name = "neg",
                     .forward = [](const Ctx& c) { return kernels::map(c[0], [](real x) { return -x; }); },
                     .vjp = [](const Ctx&, const Tensor& g) { return Grads{neg(g)}; },
                     .jvp = [](const Ctx&, int, const Tensor& t) { return neg(t); },
                     .saves = kSaveNothing};

const Primitive kReciprocal = unary<From::kOutput>(
    "reciprocal", [](real x) { return 1 / x; }, [](const auto& y) { return -square(y); });

const Primitive kReciprocalOrZero = unary<From::kOutput>(
    "reciprocal_or_zero", [](real x) { return reciprocal_or_zero(x); },
    [](const auto& y) { return -square(y); });

const Primitive kExp = unary<From::kOutput>(
    "exp", [](real x) { return exp(x); }, [](const auto& y) { return y; });

const Primitive kLog = unary<From::kInput>(
    "log", [](real x) { return log(x); }, [](const auto& x) { return reciprocal(x); });

const Primitive kLog1p = unary<From::kInput>(
    "log1p", [](real x) { return log1p(x); }, [](const auto& x) { return reciprocal(1 + x); });

const Primitive kExpm1 = unary<From::kOutput>(
    "expm1", [](real x) { return expm1(x); }, [](const auto& y) { return y + 1; });

const Primitive kSqrt = unary<From::kOutput>(
    "sqrt", [](real x) { return std::sqrt(x); },
    [](const auto& y) { return reciprocal_or_zero(y) * real(0.5); });

const Primitive kRsqrt = unary<From::kOutput>(
    "rsqrt", [](real x) { return 1 / std::sqrt(x); },
    [](const auto& y) { return real(-0.5) * y * square(y); });

const Primitive kSquare = unary<From::kInput>(
    "square", [](real x) { return x * x; }, [](const auto& x) { return 2 * x; });

const Primitive kAbs = unary<From::kInput>(
    "abs", [](real x) { return std::abs(x); }, [](const auto& x) { return sign(x); });

const Primitive kSign = unary<From::kInput>(
    "sign", [](real x) { return sign(x); }, [](const auto& x) { return 0 * x; });

const Primitive kSin = unary<From::kInput>(
    "sin", [](real x) { return sin(x); }, [](const auto& x) { return cos(x); });

const Primitive kCos = unary<From::kInput>(
    "cos", [](real x) { return cos(x); }, [](const auto& x) { return -sin(x); });

const Primitive kErf = unary<From::kInput>(
    "erf", [](real x) { return erf(x); }, [](const auto& x) { return kTwoOverSqrtPi * exp(-square(x)); });

const Primitive kTanh = unary<From::kOutput>(
    "tanh", [](real x) { return tanh(x); }, [](const auto& y) { return 1 - square(y); });

const Primitive kSigmoid = unary<From::kOutput>(
    "sigmoid", [](real x) { return sigmoid(x); }, [](const auto& y) { return y * (1 - y); });

// log(1 + e^x) without overflow.
const Primitive kSoftplus = unary<From::kInput>(
    "softplus", [](real x) { return std::max(x, real{0}) + log1p(exp(-std::abs(x))); },
    [](const auto& x) { return sigmoid(x); });

// NaN stays NaN: a diverged run must show.
const Primitive kRelu{
    .name = "relu",
    .forward = [](const Ctx& c) { return kernels::map(c[0], [](real x) { return x <= 0 ? real{0} : x; }); },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{masked(g, c.out())}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return masked(t, c.out()); },
    .saves = kSaveOutput};

const Primitive kLeakyRelu = unary<From::kInput, real>(
    "leaky_relu", [](real x, real a) { return x > 0 ? x : a * x; },
    [](const auto& x, real a) { return if_positive(x, real{1}, a); });

const Primitive kElu = unary<From::kBoth, real>(
    "elu", [](real x, real a) { return x > 0 ? x : a * expm1(x); },
    [](const auto& x, const auto& y, real a) { return if_positive(x, real{1}, y + a); });

// x s(x) and its like are 0 to the left of -kFar and x to the right of kFar; the argument is held there, so that no
// square overflows and no 0 meets an infinity.
constexpr real kFar = sizeof(real) == 8 ? 800 : 110;

const Primitive kSilu = unary<From::kInput>(
    "silu", [](real x) { return (x < -kFar ? -kFar : x) * sigmoid(x); },
    [](const auto& v) {
      const auto x = clamp(v, -kFar, kFar);
      const auto s = sigmoid(x);
      return s * (1 + x * (1 - s));
    });

// x Phi(x); slope Phi(x) + x phi(x).
const Primitive kGelu = unary<From::kInput>(
    "gelu", [](real x) { return real(0.5) * (x < -kFar ? -kFar : x) * (1 + erf(x * kSqrtHalf)); },
    [](const auto& v) {
      const auto x = clamp(v, -kFar, kFar);
      return real(0.5) * (1 + erf(x * kSqrtHalf)) + x * (kInvSqrtTwoPi * exp(real(-0.5) * square(x)));
    });

const Primitive kGeluTanh = unary<From::kInput>(
    "gelu_tanh",
    [](real v) {
      const real x = v < -kFar ? -kFar : v;
      return real(0.5) * x * (1 + tanh(kGeluScale * x * (1 + kGeluCubic * x * x)));
    },
    [](const auto& v) {
      const auto x = clamp(v, -kFar, kFar);
      const auto x2 = square(x);
      const auto t = tanh(x * (kGeluScale * (1 + kGeluCubic * x2)));
      return real(0.5) * (1 + t) + (1 - square(t)) * x * (real(0.5) * kGeluScale * (1 + 3 * kGeluCubic * x2));
    });

Tensor inside(const Tensor& x, const ClampRange& r) {
  return kernels::map(x, [r](real v) { return v < r.low || v > r.high ? real{0} : real{1}; });
}
const Primitive kClamp{
    .name = "clamp",
    .forward =
        [](const Ctx& c) {
          return kernels::map(c[0], [r = c.attr<ClampRange>()](real x) { return clamp(x, r.low, r.high); });
        },
    .vjp = [](const Ctx& c, const Tensor& g) { return Grads{masked(g, inside(c[0], c.attr<ClampRange>()))}; },
    .jvp = [](const Ctx& c, int, const Tensor& t) { return masked(t, inside(c[0], c.attr<ClampRange>())); },
    .saves = save_input(0)};

const Primitive kPowNumber = unary<From::kInput, real>(
    "pow_number", [](real x, real p) { return std::pow(x, p); },
    [](const auto& x, real p) { return p * pow(x, p - 1); });

}  // namespace

Tensor neg(const Tensor& x) { return apply(kNeg, {x}); }
Tensor reciprocal(const Tensor& x) { return apply(kReciprocal, {x}); }
Tensor reciprocal_or_zero(const Tensor& x) { return apply(kReciprocalOrZero, {x}); }
Tensor exp(const Tensor& x) { return apply(kExp, {x}); }
Tensor log(const Tensor& x) { return apply(kLog, {x}); }
Tensor log1p(const Tensor& x) { return apply(kLog1p, {x}); }
Tensor expm1(const Tensor& x) { return apply(kExpm1, {x}); }
Tensor sqrt(const Tensor& x) { return apply(kSqrt, {x}); }
Tensor rsqrt(const Tensor& x) { return apply(kRsqrt, {x}); }
Tensor square(const Tensor& x) { return apply(kSquare, {x}); }
Tensor abs(const Tensor& x) { return apply(kAbs, {x}); }
Tensor sign(const Tensor& x) { return apply(kSign, {x}); }
Tensor sin(const Tensor& x) { return apply(kSin, {x}); }
Tensor cos(const Tensor& x) { return apply(kCos, {x}); }
Tensor erf(const Tensor& x) { return apply(kErf, {x}); }
Tensor tanh(const Tensor& x) { return apply(kTanh, {x}); }
Tensor sigmoid(const Tensor& x) { return apply(kSigmoid, {x}); }
Tensor softplus(const Tensor& x) { return apply(kSoftplus, {x}); }
Tensor relu(const Tensor& x) { return apply(kRelu, {x}); }
Tensor leaky_relu(const Tensor& x, real slope) { return apply(kLeakyRelu, {x}, Attr::of(slope)); }
Tensor elu(const Tensor& x, real alpha) { return apply(kElu, {x}, Attr::of(alpha)); }
Tensor silu(const Tensor& x) { return apply(kSilu, {x}); }
Tensor gelu(const Tensor& x) { return apply(kGelu, {x}); }
Tensor gelu_tanh(const Tensor& x) { return apply(kGeluTanh, {x}); }
Tensor clamp(const Tensor& x, real low, real high) {
  return apply(kClamp, {x}, Attr::of(ClampRange{low, high}));
}
Tensor pow(const Tensor& a, real exponent) {
  if (exponent == 0) return masked(a, Tensor::scalar(0)) + real{1};
  if (exponent == 1) return a;
  if (exponent == 2) return square(a);
  if (exponent == real(0.5)) return sqrt(a);
  if (exponent == -1) return reciprocal(a);
  return apply(kPowNumber, {a}, Attr::of(exponent));
}

PrimitiveList unary_primitives() {
  return {&kNeg,  &kReciprocal, &kReciprocalOrZero, &kExp,      &kLog,      &kLog1p,     &kExpm1,
          &kSqrt, &kRsqrt,      &kSquare,           &kAbs,      &kSign,     &kSin,       &kCos,
          &kErf,  &kTanh,       &kSigmoid,          &kSoftplus, &kRelu,     &kLeakyRelu, &kElu,
          &kSilu, &kGelu,       &kGeluTanh,         &kClamp,    &kPowNumber};
}

}  // namespace gradus
