// The caching allocator behind every tensor: a freed block goes to a list of its size class and serves the
// next request of that class, so a training step after warm-up asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

struct AllocatorStats {
  std::uint64_t system_allocations;  ///< blocks taken from the system since the start
  std::size_t bytes_held;            ///< taken from the system and not given back
  std::size_t bytes_in_use;          ///< handed out now
  std::size_t peak_bytes_in_use;     ///< largest bytes_in_use since the last reset_peak_memory()
  std::int64_t live_blocks;          ///< blocks handed out now
};

/// A block of at least `bytes` bytes, aligned to 64 bytes (2 MiB and advised huge pages for large ones);
/// contents undefined. Throws std::bad_alloc. Thread-safe.
void* allocate(std::size_t bytes);
/// Gives back a block of allocate(bytes), with the same `bytes`. Thread-safe.
void deallocate(void* block, std::size_t bytes) noexcept;

/// Writes to every page of a new block (4 KiB; contents undefined after it), each thread to the part that a parallel_for over the
/// block gives it: where memory has several nodes it then lies near the thread that will use it. allocate() does so for large
/// blocks on such machines.
void first_touch(void* block, std::size_t bytes);

/// Memory from the system for who divides it himself (scratch.h), aligned as above; counted as held, not as in use. Throws
/// std::bad_alloc. Thread-safe.
void* allocate_region(std::size_t bytes);
void deallocate_region(void* region, std::size_t bytes) noexcept;

AllocatorStats allocator_stats();
void reset_peak_memory();
/// Returns all cached free blocks to the system.
void release_cached_memory();

}  // namespace gradus
