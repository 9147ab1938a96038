// Scratch memory of kernels: a stack of its own for each thread. What one kernel leaves, the next finds in the cache of
// the same processor, whatever its size, and no thread's scratch lies next to memory that another one writes: a
// processor that walks over rows calls for lines up to some ten KiB ahead, and takes them from the cache of whoever is
// writing there (core/kernels/README.md, "Threads").
#pragma once

#include <cstddef>

namespace gradus {

/// Memory of the calling thread until the end of a scope, aligned to 64 bytes; contents undefined. To be destroyed by the
/// same thread, the last one first, as local variables and members are. The thread keeps the memory for the next one.
class ScratchBlock {
 public:
  /// Throws std::bad_alloc.
  explicit ScratchBlock(std::size_t bytes);
  ~ScratchBlock();
  ScratchBlock(const ScratchBlock&) = delete;
  ScratchBlock& operator=(const ScratchBlock&) = delete;

  void* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* data_;
};

}  // namespace gradus
