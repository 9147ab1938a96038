#include <doctest/doctest.h>

#include "tests/fuzz/readers.h"

using namespace gradus;

TEST_CASE("readers: valid files are read; 1,000 mutated copies are read or refused with DataError") {
  for (const fuzz::Reader& reader : fuzz::readers()) {
    const std::string name = reader.name;
    INFO(name);
    const std::vector<fuzz::Bytes> seeds = reader.seeds();
    for (const fuzz::Bytes& seed : seeds) CHECK(fuzz::accepts(reader, seed));
    int refused = 0;
    for (std::uint64_t k = 0; k < 1000; ++k) {
      bool accepted = true;
      CHECK_NOTHROW(accepted = fuzz::accepts(reader, fuzz::mutate(seeds[k % seeds.size()], k)));
      refused += !accepted;
    }
    CHECK(refused > 50);
    // Text, tables, records and archives have no mark for their end; every other file must not be cut short.
    if (name == "text" || name == "csv" || name.starts_with("cifar") || name == "tar") continue;
    for (std::size_t keep = 2; keep < seeds[0].size(); ++keep) {
      bool whole = true;
      CHECK_NOTHROW(whole = fuzz::accepts(reader, std::span(seeds[0]).first(keep)));
      CHECK_FALSE(whole);
    }
  }
}
