#include "core/tensor.h"

#include <doctest/doctest.h>

#include "core/allocator.h"
#include "core/error.h"

using namespace gradus;

TEST_CASE("tensor: storage is shared by copies and views, not by clones") {
  Tensor a = Tensor::from({2, 3}, {1, 2, 3, 4, 5, 6});
  Tensor copy = a, view = a.view({3, 2}), row = a.rows(1, 2), clone = a.clone();
  a.mutable_data()[4] = 50;
  CHECK(copy.at({1, 1}) == 50);
  CHECK(view.at({2, 0}) == 50);
  CHECK(row.shape() == Shape{1, 3});
  CHECK(row.values() == std::vector<real>{4, 50, 6});
  CHECK(clone.at({1, 1}) == 5);
  CHECK(a.same_storage(row));
  CHECK_FALSE(a.same_storage(clone));
}

TEST_CASE("tensor: writing raises the version of the storage, reading does not") {
  Tensor a = Tensor::zeros({4});
  const auto before = a.storage()->version();
  (void)a.data();
  CHECK(a.storage()->version() == before);
  Tensor view = a.view({2, 2});
  view.mutable_data()[0] = 1;
  CHECK(a.storage()->version() == before + 1);
}

TEST_CASE("tensor: elements are aligned to a cache line") {
  for (int64 n : {1, 3, 17, 1000, 600000}) {
    const Tensor t({n});
    CHECK(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
  }
}

TEST_CASE("tensor: makers and readers") {
  CHECK(Tensor::arange(4).values() == std::vector<real>{0, 1, 2, 3});
  CHECK(Tensor::scalar(7).item() == 7);
  CHECK(Tensor::scalar(7).shape() == Shape{});
  CHECK(Tensor::zeros({0, 3}).numel() == 0);
  CHECK(IntTensor::arange(6).view({2, 3}).rows(1, 2).values() == std::vector<int64>{3, 4, 5});
  CHECK_FALSE(Tensor().defined());
  CHECK(Tensor::arange(12).view({2, 6}).str().find("(2, 6) [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]") !=
        std::string::npos);
  CHECK(Tensor::arange(9).str().find("[0, 1, 2, ..., 6, 7, 8]") != std::string::npos);
}

TEST_CASE("tensor: mistakes are refused with both shapes") {
  const Tensor a = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH_AS(a.view({4}), "reshape: (2, 3) does not fit into (4)", ShapeError);
  CHECK_THROWS_WITH_AS(a.rows(1, 3), "rows: 1..3 is out of range for shape (2, 3)", ShapeError);
  CHECK_THROWS_AS(a.item(), ShapeError);
  CHECK_THROWS_AS(Tensor().item(), ShapeError);
  CHECK_THROWS_AS(a.at({2, 0}), ShapeError);
  CHECK_THROWS_AS(a.at({0}), ShapeError);
  CHECK_THROWS_AS(Tensor::from({2}, {1, 2, 3}), ShapeError);
  Tensor b = Tensor::zeros({3, 2});
  CHECK_THROWS_WITH_AS(b.copy_from(a), "copy_from: (2, 3) into (3, 2)", ShapeError);
}

TEST_CASE("shape: broadcasting and limits") {
  CHECK(broadcast({2, 1, 3}, {4, 1}, "add") == Shape{2, 4, 3});
  CHECK(broadcast({}, {2, 0}, "add") == Shape{2, 0});
  CHECK_THROWS_WITH_AS(broadcast({2, 3}, {4}, "add"), "add: shapes (2, 3) and (4) do not broadcast",
                       ShapeError);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_AS((Shape{int64{1} << 40, int64{1} << 40}), ShapeError);
  const Shape s{2, 3, 4};
  CHECK(s[-1] == 4);
  CHECK(s.stride(0) == 12);
  CHECK_THROWS_AS(s[3], ShapeError);
}

TEST_CASE("allocator: a freed block serves the next request of its size") {
  { const Tensor warm({1000}); }
  const auto before = allocator_stats();
  for (int i = 0; i < 100; ++i) const Tensor t({1000 - i});
  CHECK(allocator_stats().system_allocations == before.system_allocations);
  CHECK(allocator_stats().live_blocks == before.live_blocks);
  CHECK(allocator_stats().bytes_in_use == before.bytes_in_use);
}

TEST_CASE("allocator: all of a block may be written, whatever its size") {
  for (std::size_t bytes = 1; bytes < 9000; bytes += 37) {
    auto* block = static_cast<unsigned char*>(allocate(bytes));
    std::fill_n(block, bytes, 0xab);
    deallocate(block, bytes);
  }
  const auto held = allocator_stats().bytes_held;
  release_cached_memory();
  CHECK(allocator_stats().bytes_held <= held);
}

TEST_CASE("errors: module path and nearest name") {
  const std::string outer = "layer1", inner = "conv2";
  const ModuleScope a(outer);
  {
    const ModuleScope b(inner);
    CHECK(module_path() == "layer1.conv2");
    CHECK(std::string(ShapeError("add: no").what()) == "add: no (in layer1.conv2)");
  }
  CHECK(module_path() == "layer1");
  CHECK(nearest("adm", {"sgd", "adam", "rmsprop"}) == "adam");
  CHECK(nearest("zzzz", {"sgd", "adam"}) == "");
  CHECK(unknown_name("optimizer", "adm", {"adam", "sgd"}) ==
        "unknown optimizer 'adm'; did you mean 'adam'? valid: adam, sgd");
  CHECK(unknown_name("optimizer", "zzzz", {"adam", "sgd"}) == "unknown optimizer 'zzzz'; valid: adam, sgd");
}
