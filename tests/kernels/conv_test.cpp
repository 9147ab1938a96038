#include "core/kernels/conv.h"

#include "core/error.h"
#include "core/kernels/conv_direct.h"
#include "core/kernels/conv_lowered.h"
#include "core/kernels/conv_pointwise.h"
#include "core/kernels/conv_winograd.h"
#include "core/threads.h"
#include "tests/kernels/naive.h"

using namespace gradus;
using naive::Doubles;

namespace {

struct Case {
  Shape x, w;
  ConvSpec spec;
};

Doubles forward(const Tensor& x, const Tensor& w, const Tensor& bias, const Shape& y, const ConvSpec& spec) {
  Doubles out(static_cast<size_t>(y.numel()));
  for (size_t i = 0; bias && i < out.size(); ++i)
    out[i] = bias.data()[static_cast<int64>(i) / (y[2] * y[3]) % y[1]];
  naive::each_product(x.shape(), w.shape(), y, spec, [&](int64 yi, int64 xi, int64 wi) {
    out[static_cast<size_t>(yi)] += double(x.data()[xi]) * w.data()[wi];
  });
  return out;
}

void check_case(const Case& c) {
  Rng rng(5);
  const Tensor x = rng.normal_tensor(c.x), w = rng.normal_tensor(c.w), bias = rng.normal_tensor({c.w[0]});
  const Shape ys = conv2d_shape(c.x, c.w, c.spec);
  const Tensor g = rng.normal_tensor(ys);
  CAPTURE(c.x.str());
  CAPTURE(c.w.str());
  CAPTURE(c.spec.stride_h);
  CAPTURE(c.spec.pad_h);
  double tolerance = naive::tolerance();

  const Doubles plain = forward(x, w, {}, ys, c.spec), biased = forward(x, w, bias, ys, c.spec);
  Doubles rectified = biased, dx(static_cast<size_t>(c.x.numel())), dw(static_cast<size_t>(c.w.numel()));
  for (double& v : rectified) v = std::max(v, 0.0);
  naive::each_product(c.x, c.w, ys, c.spec, [&](int64 yi, int64 xi, int64 wi) {
    dx[static_cast<size_t>(xi)] += double(g.data()[yi]) * w.data()[wi];
    dw[static_cast<size_t>(wi)] += double(g.data()[yi]) * x.data()[xi];
  });
  const auto check_path = [&](const char* path, auto&& conv, auto&& input_grad, auto&& weight_grad) {
    CAPTURE(path);
    naive::poison_scratch();
    CHECK(naive::error(conv(x, w, Tensor(), c.spec, false), plain) < tolerance);
    CHECK(naive::error(conv(x, w, bias, c.spec, false), biased) < tolerance);
    CHECK(naive::error(conv(x, w, bias, c.spec, true), rectified) < tolerance);
    naive::poison_scratch();
    CHECK(naive::error(input_grad(g, w, c.x, c.spec), dx) < tolerance);
    naive::poison_scratch();
    CHECK(naive::error(weight_grad(g, x, c.w, c.spec), dw) < tolerance);
    naive::poison_scratch();
  };
  // All gradients at once, gated: by the path chosen, and by each fast path in particular.
  Tensor gate = rng.normal_tensor(ys);
  for (int64 i = 0; i < gate.numel(); ++i) gate.mutable_data()[i] = gate.data()[i] < 0 ? 0 : gate.data()[i];
  const auto outputs = static_cast<size_t>(ys[1]);
  Doubles gated_dx(dx.size()), gated_dw(dw.size()), db(outputs), gated_db(outputs);
  naive::each_product(c.x, c.w, ys, c.spec, [&](int64 yi, int64 xi, int64 wi) {
    if (gate.data()[yi] == 0) return;
    gated_dx[static_cast<size_t>(xi)] += double(g.data()[yi]) * w.data()[wi];
    gated_dw[static_cast<size_t>(wi)] += double(g.data()[yi]) * x.data()[xi];
  });
  for (int64 i = 0; i < ys.numel(); ++i) {
    const auto o = static_cast<size_t>(i / (ys[2] * ys[3]) % ys[1]);
    db[o] += g.data()[i];
    if (gate.data()[i] != 0) gated_db[o] += g.data()[i];
  }
  const auto check_grads = [&](const char* path, const kernels::ConvGrads& d, bool with_gate) {
    CAPTURE(path);
    CAPTURE(with_gate);
    if (d.dx) CHECK(naive::error(d.dx, with_gate ? gated_dx : dx) < tolerance);
    CHECK(naive::error(d.dw, with_gate ? gated_dw : dw) < tolerance);
    CHECK(naive::error(d.db, with_gate ? gated_db : db) < tolerance);
  };
  for (const bool with_gate : {false, true})
    check_grads("direct, without dx",
                kernels::conv2d_weight_grads_direct(g, x, c.w, with_gate ? gate : Tensor(), c.spec, true),
                with_gate);
  const Tensor dx_along = rng.normal_tensor(c.x), dw_along = rng.normal_tensor(c.w),
               db_along = rng.normal_tensor({c.w[0]});
  const Doubles by_x = forward(dx_along, w, {}, ys, c.spec), by_w = forward(x, dw_along, {}, ys, c.spec);
  // Value and derivative at once, along what is given; the derivative counts where relu left y.
  const auto check_dual = [&](const char* path, auto&& dual) {
    CAPTURE(path);
    for (const bool relu : {false, true})
      for (int given = 1; given < 8; ++given) {
        if (!(given & 3)) continue;  // x or w moves
        CAPTURE(given);
        const Tensor none;
        const kernels::ConvDual d = dual(x, w, bias, given & 1 ? dx_along : none, given & 2 ? dw_along : none,
                                         given & 4 ? db_along : none, c.spec, relu);
        CHECK(naive::error(d.y, relu ? rectified : biased) < tolerance);
        Doubles along(by_x.size());
        for (size_t i = 0; i < along.size(); ++i) {
          if (relu && d.y.data()[i] == 0) continue;
          along[i] = (given & 1 ? by_x[i] : 0) + (given & 2 ? by_w[i] : 0) +
                     (given & 4 ? double(db_along.data()[int64(i) / (ys[2] * ys[3]) % ys[1]]) : 0);
        }
        CHECK(naive::error(d.dy, along) < tolerance);
      }
  };
  check_path("lowered", kernels::conv2d_lowered, kernels::conv2d_input_grad_lowered,
             kernels::conv2d_weight_grad_lowered);
  check_path("direct", kernels::conv2d_direct, kernels::conv2d_input_grad_direct,
             kernels::conv2d_weight_grad_direct);
  if (kernels::pointwise_fits(c.x, c.w, c.spec))
    check_path("pointwise", kernels::conv2d_pointwise, kernels::conv2d_input_grad_pointwise,
               kernels::conv2d_weight_grad_pointwise);
  const bool winograd = kernels::winograd_fits(c.w, c.spec);
  if (winograd) tolerance *= 10;  // it may be the one chosen, where few images fill the lanes
  check_path("chosen", kernels::conv2d, kernels::conv2d_input_grad, kernels::conv2d_weight_grad);
  check_dual("chosen", kernels::conv2d_dual);
  if (winograd) check_dual("winograd", kernels::conv2d_dual_winograd);
  for (const bool with_gate : {false, true}) {
    const Tensor by = with_gate ? gate : Tensor();
    check_grads("chosen", kernels::conv2d_grads(g, x, w, by, c.spec, {true, true, true}), with_gate);
    check_grads("chosen, without dx", kernels::conv2d_grads(g, x, w, by, c.spec, {false, true, true}),
                with_gate);
    if (winograd)
      check_grads("winograd", kernels::conv2d_grads_winograd(g, x, w, by, c.spec, true), with_gate);
  }
  if (!winograd) return;
  check_path("winograd", kernels::conv2d_winograd, kernels::conv2d_input_grad_winograd,
             kernels::conv2d_weight_grad_winograd);
}

}  // namespace

TEST_CASE("conv kernels: forward and both gradients equal a plain double loop") {
  const ConvSpec plain, same{.pad_h = 1, .pad_w = 1},
      half{.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1};
  const Case cases[] = {
      {{2, 1, 28, 28}, {32, 1, 3, 3}, plain},
      {{2, 32, 13, 13}, {20, 32, 3, 3}, plain},
      {{3, 16, 32, 32}, {16, 16, 3, 3}, same},
      {{2, 16, 16, 16}, {32, 16, 3, 3}, half},
      {{2, 16, 16, 16}, {32, 16, 1, 1}, {.stride_h = 2, .stride_w = 2}},
      // 1x1: whole panels of pixels and not, several strips of them, more depth than one piece holds.
      {{3, 16, 8, 8}, {30, 16, 1, 1}, plain},
      {{2, 21, 9, 9}, {5, 21, 1, 1}, plain},
      {{2, 70, 25, 43}, {13, 70, 1, 1}, plain},
      {{2, 400, 8, 9}, {4, 400, 1, 1}, plain},
      {{2, 4, 8, 8}, {400, 4, 1, 1}, plain},
      {{2, 32, 8, 8}, {33, 32, 3, 3}, same},
      {{2, 3, 15, 15}, {24, 3, 2, 2}, plain},
      {{3, 24, 15, 15}, {17, 24, 3, 3}, same},
      {{5, 40, 3, 3}, {40, 40, 3, 3}, same},
      {{5, 20, 7, 7}, {40, 20, 3, 3}, same},
      {{2, 3, 16, 16}, {16, 3, 4, 4}, {.stride_h = 4, .stride_w = 4}},
      {{2, 8, 9, 11}, {8, 1, 3, 3}, {.pad_h = 1, .pad_w = 1, .groups = 8}},
      {{2, 8, 9, 11}, {16, 1, 3, 3}, {.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1, .groups = 8}},
      {{2, 6, 9, 7}, {4, 3, 3, 2}, {.stride_h = 1, .stride_w = 2, .pad_h = 2, .pad_w = 1, .groups = 2}},
      {{1, 2, 11, 12}, {3, 2, 3, 3}, {.pad_h = 2, .pad_w = 2, .dilation_h = 2, .dilation_w = 2}},
      {{2, 2, 11, 12},
       {3, 2, 2, 3},
       {.stride_h = 3, .stride_w = 2, .pad_h = 1, .pad_w = 3, .dilation_h = 2, .dilation_w = 3}},
      {{1, 1, 1, 1}, {1, 1, 1, 1}, plain},
      {{1, 1, 1, 1}, {1, 1, 3, 3}, same},
      {{4, 5, 1, 9}, {7, 5, 1, 5}, {.pad_w = 2}},
      {{1, 2, 4, 4}, {2, 2, 1, 1}, {.stride_h = 3, .stride_w = 3}},
      {{1, 2, 3, 3}, {2, 2, 2, 2}, {.pad_h = 3, .pad_w = 3}},
      {{70, 2, 3, 3}, {2, 2, 3, 3}, same},
      {{37, 9, 6, 5}, {10, 9, 3, 3}, {.pad_h = 2, .pad_w = 0}},
      {{2, 3, 9, 9}, {3, 1, 5, 5}, {.stride_h = 2, .stride_w = 1, .pad_h = 2, .pad_w = 2, .groups = 3}},
      {{1, 64, 6, 6}, {256, 64, 3, 3}, same},
  };
  for (const Case& c : cases) check_case(c);
}

TEST_CASE("conv kernels: an empty batch and repeatable results") {
  const ConvSpec same{.pad_h = 1, .pad_w = 1};
  Rng rng(1);
  const Tensor w = rng.normal_tensor({4, 3, 3, 3});
  CHECK(kernels::conv2d(Tensor::zeros({0, 3, 5, 5}), w, {}, same).shape() == Shape{0, 4, 5, 5});
  CHECK(kernels::conv2d_input_grad(Tensor::zeros({0, 4, 5, 5}), w, {0, 3, 5, 5}, same).numel() == 0);
  CHECK(kernels::conv2d_weight_grad(Tensor::zeros({0, 4, 5, 5}), Tensor::zeros({0, 3, 5, 5}), {4, 3, 3, 3},
                                    same)
            .values() == std::vector<real>(108, 0));

  const Tensor x = rng.normal_tensor({37, 3, 16, 16}), g = rng.normal_tensor({37, 4, 16, 16});
  const auto once = kernels::conv2d_weight_grad(g, x, w.shape(), same).values();
  CHECK(kernels::conv2d_weight_grad(g, x, w.shape(), same).values() == once);
  const auto y = kernels::conv2d(x, w, {}, same).values();
  const int before = threads();
  for (int n : {1, 2, 3}) {
    set_threads(n);
    CHECK(kernels::conv2d(x, w, {}, same).values() == y);
  }
  set_threads(before);
}

TEST_CASE("conv kernels: NaN passes through") {
  Rng rng(2);
  Tensor x = rng.normal_tensor({1, 16, 8, 8});
  const Tensor w = rng.normal_tensor({16, 16, 3, 3});
  x.mutable_data()[9] = NAN;
  const Tensor y = kernels::conv2d(x, w, {}, {.pad_h = 1, .pad_w = 1}, true);
  CHECK(std::isnan(y.at({0, 3, 1, 1})));
  CHECK(std::isnan(y.at({0, 3, 0, 0})));
  CHECK_FALSE(std::isnan(y.at({0, 3, 7, 7})));
  const auto d = kernels::conv2d_dual(x, w, {}, x, {}, {}, {.pad_h = 1, .pad_w = 1}, true);
  CHECK(std::isnan(d.y.at({0, 3, 1, 1})));
  CHECK(std::isnan(d.dy.at({0, 3, 1, 1})));
}

TEST_CASE("conv kernels: shapes that do not fit are refused, both named") {
  const auto message = [](const Shape& x, const Shape& w, const ConvSpec& s) -> std::string {
    try {
      conv2d_shape(x, w, s);
    } catch (const ShapeError& e) {
      return e.what();
    }
    return "";
  };
  const std::string m = message({1, 3, 8, 8}, {4, 2, 3, 3}, {});
  CHECK(m.find("(1, 3, 8, 8)") != std::string::npos);
  CHECK(m.find("(4, 2, 3, 3)") != std::string::npos);
  CHECK(message({1, 3, 2, 2}, {4, 3, 3, 3}, {}).find("larger") != std::string::npos);
  CHECK(message({1, 3, 8, 8}, {4, 3, 3, 3}, {.stride_h = 0}).find("at least 1") != std::string::npos);
  CHECK(message({1, 3, 8, 8}, {4, 3, 3, 3}, {.groups = 2}).find("groups") != std::string::npos);
  CHECK(message({3, 8, 8}, {4, 3, 3, 3}, {}).find("4 axes") != std::string::npos);
  CHECK_THROWS_AS(
      kernels::conv2d(Tensor::zeros({1, 3, 8, 8}), Tensor::zeros({4, 3, 3, 3}), Tensor::zeros({3}), {}),
      ShapeError);
  CHECK_THROWS_AS(
      kernels::conv2d_input_grad(Tensor::zeros({1, 4, 8, 8}), Tensor::zeros({4, 3, 3, 3}), {1, 3, 8, 8}, {}),
      ShapeError);
}
