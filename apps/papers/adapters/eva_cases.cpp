#include "apps/papers/adapters/eva_cases.h"

#include "apps/papers/adapters/rule_case.h"
#include "autograd/ops/shape_ops.h"
#include "core/error.h"
#include "nn/adapters/eva.h"

namespace gradus {
namespace {

struct PcaCase {
  int64 n_components = 2;
  void visit(auto&& f) { f("n_components", n_components, "kept", at_least(1)); }
};
struct AllocationCase {
  int64 rank = 2;
  std::string normalize = "none";
  void visit(auto&& f) {
    f("rank", rank, "of a layer in the mean", at_least(0));
    f("normalize", normalize, "each layer's scores are divided by their sum or largest",
      choices({"none", "sum", "max"}));
  }
};

// The blocks of X's rows, one after the other.
std::vector<std::pair<int64, int64>> blocks_of(const IntTensor& sizes, int64 rows) {
  std::vector<std::pair<int64, int64>> blocks;
  int64 at = 0;
  for (const int64 size : sizes.span()) {
    if (size < 0) fail<DataError>("inputs.batch_sizes: {} is no size", size);
    blocks.emplace_back(at, at + size);
    at += size;
  }
  if (at != rows) fail<DataError>("inputs.batch_sizes: add up to {}, not {}", at, rows);
  return blocks;
}

CaseFunction pca_function() {
  return case_function<PcaCase>({"incremental-pca",
                                 "principal components of rows that come in blocks",
                                 {{"X", "N,d"}, {"batch_sizes", "b", CaseType::kInt}},
                                 {{"mean", "d"},
                                  {"var", "d"},
                                  {"singular_values", "n_components"},
                                  {"components", "n_components,d"},
                                  {"explained_variance_ratio", "n_components"}}},
                                [](const PcaCase& o, const CaseValues& in, CaseValues& out) {
                                  const Tensor& X = in.tensor("X");
                                  IncrementalPca pca(o.n_components);
                                  for (const auto& [from, to] : blocks_of(in.ints("batch_sizes"), X.dim(0)))
                                    pca.update(X.rows(from, to));
                                  if (pca.updates() == 0)
                                    fail<DataError>("inputs.batch_sizes: no block has {} rows",
                                                    o.n_components);
                                  out.set("mean", tensor_of(pca.mean()));
                                  out.set("var", tensor_of(pca.variance()));
                                  out.set("singular_values", pca.singular_values());
                                  out.set("components", pca.components());
                                  out.set("explained_variance_ratio", tensor_of(pca.ratios()));
                                });
}

CaseFunction allocation_function() {
  return case_function<AllocationCase>(
      {"rank-allocation",
       "how many of the largest scores each layer has",
       {{"scores", "L,k"}},
       {{"ranks", "L", CaseType::kInt}}},
      [](const AllocationCase& o, const CaseValues& in, CaseValues& out) {
        const Tensor& s = in.tensor("scores");
        std::vector<std::vector<double>> scores;
        for (int64 l = 0; l < s.dim(0); ++l)
          scores.emplace_back(s.data() + l * s.dim(1), s.data() + (l + 1) * s.dim(1));
        out.set("ranks", integers_of(allocate_ranks(scores, o.rank, o.normalize)));
      });
}

CaseFunction initialize_function() {
  return case_function<EvaOptions>(
      {"eva-initialize",
       "ranks, first matrices and scalings of L layers that read X",
       {{"X", "L,N,d"}, {"batch_sizes", "b", CaseType::kInt}, {"source", "L", CaseType::kInt}},
       {{"ranks", "L", CaseType::kInt},
        {"A", "R,d", CaseType::kReal, "layer after layer"},
        {"lora_alpha", "L"},
        {"updates", "L", CaseType::kInt},
        {"steps", "", CaseType::kInt}}},
      [](const EvaOptions& o, const CaseValues& in, CaseValues& out) {
        const Tensor& X = in.tensor("X");
        const auto blocks = blocks_of(in.ints("batch_sizes"), X.dim(1));
        EvaSearch search(in.ints("source").values(), o);
        while (!search.done()) {
          if (blocks.empty()) fail<DataError>("inputs.batch_sizes: no block");
          const auto& [from, to] = blocks[static_cast<size_t>(search.steps()) % blocks.size()];
          std::vector<Tensor> inputs;
          for (int64 l = 0; l < X.dim(0); ++l) inputs.push_back(row_of(X, l).rows(from, to));
          search.feed(inputs);
        }
        std::vector<Tensor> A;
        std::vector<double> alpha;
        std::vector<int64> updates;
        for (size_t l = 0; l < static_cast<size_t>(X.dim(0)); ++l) {
          A.push_back(search.A(l));
          alpha.push_back(search.alpha(l));
          updates.push_back(search.updates(l));
        }
        out.set("ranks", integers_of(search.ranks()));
        out.set("A", concat(A, 0));
        out.set("lora_alpha", tensor_of(alpha));
        out.set("updates", integers_of(updates));
        out.set("steps", IntTensor::full({}, search.steps()));
      });
}

}  // namespace

std::vector<CaseFunction> eva_functions() {
  return {pca_function(), allocation_function(), initialize_function()};
}

}  // namespace gradus
