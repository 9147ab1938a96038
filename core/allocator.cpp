#include "core/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "core/processors.h"
#include "core/spin.h"
#include "core/threads.h"

namespace gradus {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

// Size classes: four steps to each power of two, so at most a fifth of a block is unused.
struct SizeClass {
  std::size_t index, bytes;
};
SizeClass size_class(std::size_t bytes) {
  bytes = std::max(bytes, kAlignment);
  const unsigned log2 = static_cast<unsigned>(std::bit_width(bytes)) - 1;
  const std::size_t step = std::size_t{1} << (log2 - 2);
  const std::size_t quarters = (bytes + step - 1) / step;  // 4..8
  const std::size_t rounded =
      std::max(kAlignment, (quarters * step + kAlignment - 1) / kAlignment * kAlignment);
  return {log2 * 4 + (quarters - 4), rounded};
}

class Pool {
 public:
  // `fresh`: whether the system gave it just now.
  void* take(std::size_t request, bool& fresh) {
    const auto [index, bytes] = size_class(request);
    const std::lock_guard lock(lock_);
    void* block = nullptr;
    if (auto& list = free_[index]; !list.empty()) {
      block = list.back();
      list.pop_back();
    } else {
      block = from_system(bytes);
      fresh = true;
    }
    stats_.bytes_in_use += bytes;
    stats_.peak_bytes_in_use = std::max(stats_.peak_bytes_in_use, stats_.bytes_in_use);
    ++stats_.live_blocks;
    return block;
  }

  void give_back(void* block, std::size_t request) noexcept {
    const auto [index, bytes] = size_class(request);
    const std::lock_guard lock(lock_);
    stats_.bytes_in_use -= bytes;
    --stats_.live_blocks;
    try {
      free_[index].push_back(block);
    } catch (const std::bad_alloc&) {
      to_system(block, bytes);
    }
  }

  void* take_region(std::size_t bytes) {
    const std::lock_guard lock(lock_);
    return from_system(bytes);
  }

  void give_back_region(void* region, std::size_t bytes) noexcept {
    const std::lock_guard lock(lock_);
    to_system(region, bytes);
  }

  AllocatorStats stats() {
    const std::lock_guard lock(lock_);
    return stats_;
  }

  void reset_peak() {
    const std::lock_guard lock(lock_);
    stats_.peak_bytes_in_use = stats_.bytes_in_use;
  }

  void trim() {
    const std::lock_guard lock(lock_);
    trim_locked();
  }

 private:
  void* from_system(std::size_t bytes) {
    const bool huge = bytes >= kHugePage;
    const std::size_t alignment = huge ? kHugePage : kAlignment;
    const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
    void* block = std::aligned_alloc(alignment, padded);
    if (!block) {
      trim_locked();
      block = std::aligned_alloc(alignment, padded);
    }
    if (!block) throw std::bad_alloc();
    if (huge) madvise(block, padded, MADV_HUGEPAGE);
    stats_.bytes_held += bytes;
    ++stats_.system_allocations;
    return block;
  }

  void to_system(void* block, std::size_t bytes) noexcept {
    std::free(block);
    stats_.bytes_held -= bytes;
  }

  void trim_locked() {
    for (std::size_t index = 0; index < free_.size(); ++index) {
      if (free_[index].empty()) continue;  // so are the last classes, whose size no integer could hold
      const std::size_t bytes = class_bytes(index);
      for (void* block : free_[index]) to_system(block, bytes);
      free_[index].clear();
    }
  }

  static std::size_t class_bytes(std::size_t index) {
    const std::size_t step = (std::size_t{1} << (index / 4)) / 4;
    return size_class(step * (index % 4 + 4)).bytes;
  }

  std::array<std::vector<void*>, 4 * 64 + 8> free_;
  // What every call writes, on one cache line.
  alignas(64) detail::SpinLock lock_;
  AllocatorStats stats_{};
};

// Never destroyed: tensors in static storage may be freed after any destructor of ours would have run.
Pool& pool() {
  static Pool* const instance = new Pool;
  return *instance;
}

}  // namespace

void first_touch(void* block, std::size_t bytes) {
  constexpr int64 kPage = 4096;
  auto* const begin = static_cast<char*>(block);
  const auto pages = static_cast<int64>(bytes) / kPage;
  parallel_for(pages, 64, [&](int64 first, int64 last) {
    for (int64 i = first; i < last; ++i) begin[i * kPage] = 0;
  });
}

void* allocate(std::size_t bytes) {
  bool fresh = false;
  void* const block = pool().take(bytes, fresh);
  if (fresh && bytes >= kHugePage && memory_nodes() > 1) first_touch(block, bytes);
  return block;
}
void deallocate(void* block, std::size_t bytes) noexcept { pool().give_back(block, bytes); }
void* allocate_region(std::size_t bytes) { return pool().take_region(bytes); }
void deallocate_region(void* region, std::size_t bytes) noexcept { pool().give_back_region(region, bytes); }
AllocatorStats allocator_stats() { return pool().stats(); }
void reset_peak_memory() { pool().reset_peak(); }
void release_cached_memory() { pool().trim(); }

}  // namespace gradus
