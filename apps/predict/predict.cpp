#include "apps/predict/predict.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <set>

#include "autograd/ops/nn_ops.h"
#include "core/error.h"
#include "core/kept_memory.h"
#include "core/threads.h"
#include "data/fitted.h"

namespace gradus {
namespace {

// Examples that wait for a batch to be full.
class Waiting {
 public:
  Waiting(Model& model, const DatasetInfo& info, const PredictRun& run)
      : model_(model), info_(info), run_(run) {}

  void add(const InputFile& file, const InputRows& rows) {
    if (rows.tokens.defined()) return add_text(file, rows.tokens);
    const int64 one = rows.x.numel() / std::max<int64>(rows.x.dim(0), 1);
    for (int64 i = 0; i < rows.size(); ++i) {
      if (run_.stop && run_.stop()) return;
      names_.push_back({file.name(), rows.many ? std::optional(i) : std::nullopt, {}, 0});
      numbers_.insert(numbers_.end(), rows.x.data() + i * one, rows.x.data() + (i + 1) * one);
      example_.assign(rows.x.shape().begin() + 1, rows.x.shape().end());
      if (static_cast<int64>(names_.size()) == run_.batch_size) flush();
    }
  }

  void flush() {
    if (names_.empty()) return;
    std::vector<int64> dims{static_cast<int64>(names_.size())};
    dims.insert(dims.end(), example_.begin(), example_.end());
    const Tensor x = Tensor::from(Shape(dims), numbers_);
    const Recording off(false);
    const Tensor output = run_.views.empty() ? model_(x) : output_over_views(model_, x, run_.views);
    const int64 n = x.dim(0), width = output.numel() / n, one = x.numel() / n;
    const Tensor values = model_.task() == Task::kClassification ? softmax(output) : output;
    for (int64 i = 0; i < n; ++i) {
      Prediction& p = names_[static_cast<size_t>(i)];
      p.values.assign(values.data() + i * width, values.data() + (i + 1) * width);
      if (model_.task() == Task::kRegression)
        for (size_t k = 0; k < p.values.size(); ++k) p.values[k] = in_units(p.values[k], k, info_);
      if (model_.task() == Task::kAutoencoder) {
        double squares = 0;
        for (int64 k = 0; k < one; ++k) {
          const double e = p.values[static_cast<size_t>(k)] - static_cast<double>(x.data()[i * one + k]);
          squares += e * e;
        }
        p.error = squares / static_cast<double>(one);
      }
      finish(p);
    }
    names_.clear();
    numbers_.clear();
  }

 private:
  void add_text(const InputFile& file, const IntTensor& tokens) {
    flush();
    const Recording off(false);
    const Tensor output = model_(tokens);  // (1,T,V)
    const int64 vocabulary = output.dim(2), t = output.dim(1);
    const Tensor last = Tensor::from({1, vocabulary}, std::vector<real>(output.data() + (t - 1) * vocabulary,
                                                                        output.data() + t * vocabulary));
    const Tensor values = softmax(last);
    Prediction p{file.name(), std::nullopt, {values.data(), values.data() + vocabulary}, 0};
    finish(p);
  }

  void finish(const Prediction& p) {
    for (const double v : p.values)
      if (!std::isfinite(v))
        return run_.failed(p.file,
                           fmt::format("{}{}: the model's output is {}: its weights cannot be used", p.file,
                                       p.row ? fmt::format(": row {}", *p.row) : "", v),
                           true);
    run_.each(p);
  }

  Model& model_;
  const DatasetInfo& info_;
  const PredictRun& run_;
  std::vector<Prediction> names_;
  std::vector<real> numbers_;
  std::vector<int64> example_;
};

}  // namespace

int64 predict_files(Model& model, const std::vector<InputFile>& files, const InputOptions& inputs,
                    const PredictRun& run) {
  const auto n = static_cast<int64>(files.size());
  Waiting waiting(model, inputs.info, run);
  keep_freed_memory();
  std::set<std::string> noted;
  for (int64 begin = 0; begin < n;) {
    const int64 count = std::min(run.batch_size, n - begin);
    std::vector<InputRows> rows(static_cast<size_t>(count));
    std::vector<std::exception_ptr> errors(static_cast<size_t>(count));  // none may leave a parallel region
    parallel_for(count, 1, [&](int64 from, int64 to) {
      for (int64 i = from; i < to; ++i) try {
          rows[static_cast<size_t>(i)] = read_inputs(files[static_cast<size_t>(begin + i)], inputs);
        } catch (...) {
          errors[static_cast<size_t>(i)] = std::current_exception();
        }
    });
    for (int64 i = 0; i < count; ++i) {
      if (run.stop && run.stop()) return begin + i;
      const InputFile& file = files[static_cast<size_t>(begin + i)];
      try {
        if (errors[static_cast<size_t>(i)]) std::rethrow_exception(errors[static_cast<size_t>(i)]);
        for (const std::string& what : rows[static_cast<size_t>(i)].notes)
          if (noted.insert(what).second && run.noted) run.noted(what);
        waiting.add(file, rows[static_cast<size_t>(i)]);
      } catch (const DataError& e) {
        run.failed(file.name(), e.what(), false);
      }
      rows[static_cast<size_t>(i)] = {};
      if (run.stop && run.stop()) return begin + i;
      if (run.progress) run.progress(begin + i + 1);
    }
    waiting.flush();
    begin += count;
  }
  return n;
}

}  // namespace gradus
