#include "core/communicator.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <functional>
#include <mutex>
#include <new>

#include "core/error.h"
#include "core/ordered_sum.h"
#include "core/rng.h"
#include "tests/thread_ranks.h"

using namespace gradus;
using gradus::tests::ThreadRanks;

TEST_CASE("communicator: one process gets back what it gives") {
  Communicator& alone = one_process();
  CHECK(alone.alone());
  CHECK(alone.first());
  CHECK(alone.all_gather(7) == std::vector{7});
  CHECK(alone.broadcast("text") == "text");
  CHECK(alone.any(true));
  CHECK_FALSE(alone.any(false));
  CHECK_THROWS_AS(together(alone, [] { fail<DataError>("gone"); }), DataError);
}

TEST_CASE("communicator: texts, values and flags reach all ranks") {
  ThreadRanks::run(3, [](Communicator& ranks) {
    const std::string text = ranks.broadcast(ranks.rank() == 1 ? "from one" : "", 1);
    const std::vector<int> all = ranks.all_gather(10 * ranks.rank());
    const bool some = ranks.any(ranks.rank() == 2), none = ranks.any(false);
    if (text != "from one" || all != std::vector{0, 10, 20} || !some || none)
      fail<Error>("rank {}", ranks.rank());
  });
}

TEST_CASE("communicator: what one rank cannot do none does, and the message names it") {
  for (const int bad : {0, 2}) {
    std::array<std::string, 3> said;
    ThreadRanks::run(3, [&](Communicator& ranks) {
      try {
        together(ranks, [&] {
          if (ranks.rank() >= bad && ranks.rank() != 1) fail<DataError>("no file at {}", ranks.rank());
        });
      } catch (const DataError& e) {
        said[static_cast<size_t>(ranks.rank())] = e.what();
      }
    });
    for (const std::string& what : said) CHECK(what == (bad == 0 ? "no file at 0" : "rank 2: no file at 2"));
  }
}

TEST_CASE("communicator: every kind of error of one rank is thrown as that kind by all") {
  const auto kind_seen = [](const std::function<void()>& wrong) {
    std::array<std::string, 2> seen;
    ThreadRanks::run(2, [&](Communicator& ranks) {
      std::string& own = seen[static_cast<size_t>(ranks.rank())];
      try {
        together(ranks, [&] {
          if (ranks.rank() == 1) wrong();
        });
        own = "nothing";
      } catch (const UsageError& e) {
        own = fmt::format("usage: {}", e.what());
      } catch (const DataError& e) {
        own = fmt::format("data: {}", e.what());
      } catch (const NumericError& e) {
        own = fmt::format("numeric: {}", e.what());
      } catch (const std::exception& e) {
        own = fmt::format("other: {}", e.what());
      }
    });
    CHECK(seen[0] == seen[1]);
    return seen[0];
  };
  CHECK(kind_seen([] { fail<UsageError>("no such option"); }) == "usage: rank 1: no such option");
  CHECK(kind_seen([] { fail<DataError>("no file"); }) == "data: rank 1: no file");
  CHECK(kind_seen([] { fail<NumericError>("not finite"); }) == "numeric: rank 1: not finite");
  CHECK(kind_seen([] { throw std::bad_alloc(); }).starts_with("other: rank 1: "));
}

TEST_CASE("ordered sum: a mean by whole weights, of small numbers beside large ones") {
  OrderedSum sum(one_process(), {0, 0, 0}, {1, 2, 1}, 2);
  sum.add(std::vector<real>{real(1e6), 1});
  sum.add(std::vector<real>{real(0.5), 2});
  CHECK_THROWS_AS(sum.mean(), ShapeError);  // a part is missing
  CHECK_THROWS_AS(sum.add(std::vector<real>{1}), ShapeError);
  sum.add(std::vector<real>{real(-1e6), 3});
  CHECK(sum.mean() == std::vector<real>{real(0.25), 2});  // (1e6 + 2*0.5 - 1e6)/4, (1 + 4 + 3)/4
}

TEST_CASE("ordered sum: the same bits whoever has which part") {
  constexpr int64 kSize = 1001;
  constexpr size_t kParts = 7;
  std::vector<std::vector<real>> parts;
  Rng rng(3);
  for (size_t k = 0; k < kParts; ++k) {
    const Tensor t =
        rng.normal_tensor({kSize}, 0, static_cast<real>(std::pow(10.0, static_cast<double>(k) - 3)));
    parts.emplace_back(t.span().begin(), t.span().end());
  }
  const std::vector<int64> weights{5, 5, 6, 5, 5, 6, 1};
  const auto mean_of = [&](Communicator& ranks, const std::vector<int>& owners) {
    OrderedSum sum(ranks, owners, weights, kSize);
    for (size_t k = 0; k < kParts; ++k)
      if (owners[k] == ranks.rank()) sum.add(parts[k]);
    return sum.mean();
  };
  const std::vector<real> expected = mean_of(one_process(), std::vector<int>(kParts, 0));
  for (const std::vector<int>& owners : {std::vector{0, 0, 0, 0, 1, 1, 1},
                                         {0, 1, 2, 0, 1, 2, 0},
                                         {3, 2, 2, 1, 1, 0, 0},
                                         {0, 0, 0, 3, 3, 3, 3}}) {
    const int ranks = *std::max_element(owners.begin(), owners.end()) + 1;
    std::mutex mutex;
    ThreadRanks::run(ranks, [&](Communicator& world) {
      const std::vector<real> mean = mean_of(world, owners);
      const std::lock_guard lock(mutex);
      CHECK(mean == expected);
    });
  }
}
