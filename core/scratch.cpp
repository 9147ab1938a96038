#include "core/scratch.h"

#include <algorithm>
#include <vector>

#include "core/allocator.h"

namespace gradus {
namespace {

constexpr std::size_t kScratchUnit = 64;
constexpr std::size_t kLeastRegion = std::size_t{2} << 20;
// What lies before a region may be written by any thread.
constexpr std::size_t kGap = std::size_t{64} << 10;

// Regions that are filled one after the other; all but the first are only there until their total is known.
class Stack {
 public:
  Stack() = default;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  ~Stack() {
    while (!regions_.empty()) drop();
  }

  void* take(std::size_t bytes) {
    if (regions_.empty() || regions_.back().size - regions_.back().used < bytes) grow(bytes);
    Region& top = regions_.back();
    void* const at = top.begin + top.used;
    top.used += bytes;
    return at;
  }

  void give_back(std::size_t bytes) noexcept {
    regions_.back().used -= bytes;
    if (regions_.back().used > kGap) return;
    if (regions_.size() > 1) drop();
    // Too small for what was asked of the stack: the next one will hold all of it.
    if (regions_.size() == 1 && regions_.back().used == kGap && regions_.back().size < wanted_) drop();
  }

 private:
  struct Region {
    std::byte* begin;
    std::size_t size, used;
  };

  void grow(std::size_t bytes) {
    std::size_t total = 0;
    for (const Region& r : regions_) total += r.size;
    const std::size_t size = std::max({kLeastRegion, bytes + kGap, regions_.empty() ? wanted_ : 0});
    regions_.reserve(regions_.size() + 1);
    regions_.push_back({static_cast<std::byte*>(allocate_region(size)), size, kGap});
    wanted_ = std::max(wanted_, total + size);
  }

  void drop() noexcept {
    deallocate_region(regions_.back().begin, regions_.back().size);
    regions_.pop_back();
  }

  std::vector<Region> regions_;
  std::size_t wanted_ = 0;
};

Stack& stack() {
  thread_local Stack mine;
  return mine;
}

}  // namespace

ScratchBlock::ScratchBlock(std::size_t bytes)
    : bytes_(std::max(kScratchUnit, (bytes + kScratchUnit - 1) / kScratchUnit * kScratchUnit)),
      data_(stack().take(bytes_)) {}

ScratchBlock::~ScratchBlock() { stack().give_back(bytes_); }

}  // namespace gradus
