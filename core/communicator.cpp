#include "core/communicator.h"

#include <algorithm>
#include <cstdlib>

#include "core/error.h"

namespace gradus {
namespace {

class OneProcess final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  std::string name(int) const override { return "rank 0"; }
  void start_sum(std::span<float>) override {}
  void start_sum(std::span<double>) override {}
  void progress() override {}
  void finish_sums() override {}
  bool leave(int) override { return true; }

 protected:
  void broadcast_bytes(std::span<std::byte>, int) override {}
  void gather_bytes(std::span<const std::byte> own, std::span<std::byte> all,
                    std::span<const std::size_t>) override {
    std::copy(own.begin(), own.end(), all.begin());
  }
  void exchange_bytes(std::span<const std::byte> out, std::span<const std::size_t>, std::span<std::byte> in,
                      std::span<const std::size_t>) override {
    std::copy(out.begin(), out.end(), in.begin());
  }
};

// Kinds of errors, so that all ranks can throw one of the same.
enum class Kind : int { kNone, kOther, kUsage, kData, kNumeric };

[[noreturn]] void throw_kind(Kind kind, const std::string& what) {
  switch (kind) {
    case Kind::kUsage:
      throw UsageError(what);
    case Kind::kData:
      throw DataError(what);
    case Kind::kNumeric:
      throw NumericError(what);
    default:
      throw Error(what);
  }
}

int number_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  if (!text || !*text) return otherwise;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  return *end || value < 0 || value > 1'000'000 ? otherwise : static_cast<int>(value);
}

}  // namespace

std::vector<std::size_t> Communicator::in_bytes(std::span<const std::size_t> counts, std::size_t one) {
  std::vector<std::size_t> bytes(counts.begin(), counts.end());
  for (std::size_t& n : bytes) n *= one;
  return bytes;
}

std::string Communicator::broadcast(std::string text, int from) {
  if (alone()) return text;
  std::uint64_t length = text.size();
  broadcast(std::span(&length, 1), from);
  text.resize(length);
  broadcast(std::span(text), from);
  return text;
}

bool Communicator::any(bool own) {
  if (alone()) return own;
  const std::vector<char> all = all_gather(static_cast<char>(own));
  return std::find(all.begin(), all.end(), char{1}) != all.end();
}

Communicator& one_process() {
  static OneProcess alone;
  return alone;
}

void together(Communicator& ranks, const std::function<void()>& f) {
  if (ranks.alone()) return f();
  Kind kind = Kind::kNone;
  std::string what;
  const auto caught = [&](Kind k, const std::exception& e) { kind = k, what = e.what(); };
  try {
    f();
  } catch (const UsageError& e) {
    caught(Kind::kUsage, e);
  } catch (const DataError& e) {
    caught(Kind::kData, e);
  } catch (const NumericError& e) {
    caught(Kind::kNumeric, e);
  } catch (const std::exception& e) {
    caught(Kind::kOther, e);
  }
  const std::vector<Kind> all = ranks.all_gather(kind);
  const auto failed = std::find_if(all.begin(), all.end(), [](Kind k) { return k != Kind::kNone; });
  if (failed == all.end()) return;
  const int from = static_cast<int>(failed - all.begin());
  what = ranks.broadcast(what, from);
  throw_kind(*failed, from == 0 ? what : ranks.name(from) + ": " + what);
}

Launch launched() {
  Launch launch{.rank = number_of("OMPI_COMM_WORLD_RANK", 0), .size = number_of("OMPI_COMM_WORLD_SIZE", 1)};
  launch.on_this_machine = std::max(1, number_of("OMPI_COMM_WORLD_LOCAL_SIZE", launch.size));
  return launch;
}

}  // namespace gradus
