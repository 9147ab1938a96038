#include "data/tasks/task_stream.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/error.h"

namespace gradus {

TaskStream::TaskStream(const TaskStreamOptions& options, int64 classes, int64 features, const Rng& rng)
    : o_(options), place_(static_cast<size_t>(classes)) {
  std::iota(place_.begin(), place_.end(), int64{0});
  const bool split = o_.kind == "split";
  if (o_.scenario == "auto") o_.scenario = split ? "class" : "domain";
  if (split) {
    if (o_.first_classes == 0) o_.first_classes = o_.classes_per_task;
    if (o_.tasks == 0) o_.tasks = 1 + std::max<int64>(0, classes - o_.first_classes) / o_.classes_per_task;
    if (place_begin(o_.tasks) > classes)
      fail<UsageError>("task stream: {} tasks of {} classes, of {}", o_.tasks, o_.classes_per_task, classes);
    if (o_.shuffle_classes) place_ = rng.fork("classes").permutation(classes);
  } else if (o_.tasks == 0) {
    o_.tasks = 5;
  }
  if (o_.kind == "permuted")
    for (int64 t = 1; t < o_.tasks; ++t)
      pixels_.push_back(rng.fork("pixels").fork(static_cast<std::uint64_t>(t)).permutation(features));
}

// Where task t's classes begin in the order of all labels.
int64 TaskStream::place_begin(int64 t) const {
  if (o_.kind != "split") return t * std::ssize(place_);
  return t == 0 ? 0 : o_.first_classes + (t - 1) * o_.classes_per_task;
}

int64 TaskStream::first_label(int64 t) const { return o_.scenario == "domain" ? 0 : place_begin(t); }

int64 TaskStream::labels_with(int64 t) const {
  if (o_.scenario != "domain") return place_begin(t + 1);
  int64 most = 0;
  for (int64 i = 0; i <= t; ++i) most = std::max(most, classes_of(i));
  return most;
}

StreamTask TaskStream::task(int64 t, const Tensor& x, const IntTensor& y) const {
  if (x.rank() != 4 || y.shape() != Shape{x.dim(0)})
    fail<ShapeError>("task stream: images {} with labels {}", x.shape().str(), y.shape().str());
  if (t < 0 || t >= o_.tasks) fail<UsageError>("task stream: task {} of {}", t, o_.tasks);
  const int64 each = x.numel() / std::max<int64>(1, x.dim(0));
  const int64 first = first_label(t);
  const auto labels = [&] {
    std::vector<int64> own = y.values();
    for (int64& label : own) label += first;
    return IntTensor::from(y.shape(), own);
  };
  if (o_.kind == "rotated")
    return {turned_images(x, 180.0 * static_cast<double>(t) / static_cast<double>(o_.tasks),
                          x.numel() > 0 ? *std::min_element(x.data(), x.data() + x.numel()) : real(0)),
            labels()};
  if (o_.kind == "permuted") {
    if (t == 0) return {x, labels()};
    const std::vector<int64>& from = pixels_[static_cast<size_t>(t - 1)];
    if (std::ssize(from) != each)
      fail<ShapeError>("task stream: images {}, drawn for {} pixels", x.shape().str(), from.size());
    Tensor out(x.shape());
    for (int64 i = 0; i < x.dim(0); ++i)
      for (int64 p = 0; p < each; ++p)
        out.mutable_data()[i * each + p] = x.data()[i * each + from[static_cast<size_t>(p)]];
    return {out, labels()};
  }
  std::vector<int64> rows, own;
  const int64 begin = place_begin(t), end = place_begin(t + 1);
  for (int64 i = 0; i < y.numel(); ++i) {
    const int64 place = place_.at(static_cast<size_t>(y[i]));
    if (place < begin || place >= end) continue;
    rows.push_back(i);
    own.push_back(place - begin + first);
  }
  const int64 count = std::ssize(rows);
  StreamTask out{Tensor({count, x.dim(1), x.dim(2), x.dim(3)}), IntTensor::from({count}, own)};
  for (int64 i = 0; i < count; ++i)
    std::copy_n(x.data() + rows[static_cast<size_t>(i)] * each, each, out.x.mutable_data() + i * each);
  return out;
}

namespace {

constexpr const char* kTaskKind = "task stream";

struct SplitKind {
  TaskStreamOptions o;
  void visit(auto&& f) {
    f("classes", o.classes_per_task, "classes of a task", at_least(1));
    f("tasks", o.tasks, "how many; 0: as many as there are classes for", at_least(0));
    f("first", o.first_classes, "classes of the first task; 0: as of the others", at_least(0));
    f("shuffle", o.shuffle_classes, "classes in a random order, else in theirs");
    f("scenario", o.scenario,
      "auto: class. class: all classes seen compete; task: those of the example's task; domain: labels are "
      "shared",
      choices({"auto", "class", "task", "domain"}));
  }
};
struct WholeKind {
  TaskStreamOptions o;
  void visit(auto&& f) {
    f("tasks", o.tasks, "how many; 0: 5", at_least(0));
    f("scenario", o.scenario,
      "auto: domain. domain: labels are shared; class: each task has labels of its own; task: it is known "
      "too",
      choices({"auto", "domain", "class", "task"}));
  }
};

template <class O>
TaskKindEntry kind_entry(const std::string& name, std::string summary) {
  return {name, std::move(summary), describe_options<O>(), [name](const OptionList& given) {
            O options;
            set_options(options, given, kTaskKind + (" " + name));
            options.o.kind = name;
            return options.o;
          }};
}

}  // namespace

const std::vector<TaskKindEntry>& task_kinds() {
  static const std::vector<TaskKindEntry> table = {
      kind_entry<SplitKind>("split", "classes in turn, a few a task"),
      kind_entry<WholeKind>("permuted", "all classes; pixels in an order of the task's own"),
      kind_entry<WholeKind>("rotated", "all classes; images turned by a part of half a turn more each task")};
  return table;
}

TaskStreamOptions parse_task_stream(const std::string& text) {
  const Spec spec = parse_spec(text);
  if (!spec.inner.empty()) fail<UsageError>("task stream {}: takes nothing in parentheses", spec.name);
  std::vector<std::string> names;
  for (const TaskKindEntry& entry : task_kinds()) {
    if (entry.name == spec.name) return entry.make(spec.options);
    names.push_back(entry.name);
  }
  throw UsageError(unknown_name(kTaskKind, spec.name, names));
}

Tensor turned_images(const Tensor& x, double degrees, real outside) {
  if (x.rank() != 4) fail<ShapeError>("turned images: a tensor of shape {}", x.shape().str());
  const double angle = degrees * std::numbers::pi / 180, c = std::cos(angle), s = std::sin(angle);
  const int64 h = x.dim(2), w = x.dim(3);
  const double cy = static_cast<double>(h - 1) / 2, cx = static_cast<double>(w - 1) / 2;
  Tensor out(x.shape());
  const auto pixel = [&](const real* image, int64 i, int64 j) {
    return static_cast<double>(i < 0 || j < 0 || i >= h || j >= w ? outside : image[i * w + j]);
  };
  for (int64 plane = 0; plane < x.dim(0) * x.dim(1); ++plane) {
    const real* image = x.data() + plane * h * w;
    real* to = out.mutable_data() + plane * h * w;
    for (int64 i = 0; i < h; ++i)
      for (int64 j = 0; j < w; ++j) {
        const double dy = static_cast<double>(i) - cy, dx = static_cast<double>(j) - cx;
        const double fy = cy + c * dy + s * dx, fx = cx - s * dy + c * dx;  // rows run downwards
        const double y0 = std::floor(fy), x0 = std::floor(fx), a = fy - y0, b = fx - x0;
        const int64 iy = static_cast<int64>(y0), ix = static_cast<int64>(x0);
        to[i * w + j] =
            static_cast<real>((1 - a) * ((1 - b) * pixel(image, iy, ix) + b * pixel(image, iy, ix + 1)) +
                              a * ((1 - b) * pixel(image, iy + 1, ix) + b * pixel(image, iy + 1, ix + 1)));
      }
  }
  return out;
}

Tensor noisy_images(const Tensor& x, double sigma, double contrast, Rng& rng) {
  Tensor out = rng.normal_tensor(x.shape(), 0, static_cast<real>(sigma));
  real* o = out.mutable_data();
  for (int64 i = 0; i < x.numel(); ++i) o[i] += static_cast<real>(contrast) * x.data()[i];
  return out;
}

}  // namespace gradus
