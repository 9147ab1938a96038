// Ranks within one process, a thread each: what ranks do can be tested without MPI.
#pragma once

#include <barrier>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/communicator.h"

namespace gradus::tests {

class ThreadRanks {
 public:
  /// Calls f(communicator) on `size` threads and waits; rethrows what the lowest rank threw. A rank that throws while others
  /// wait for it would hang them: f throws on all ranks or on none.
  static void run(int size, const std::function<void(Communicator&)>& f) {
    ThreadRanks world(size);
    std::vector<std::exception_ptr> errors(static_cast<size_t>(size));
    std::vector<std::thread> threads;
    for (int r = 0; r < size; ++r)
      threads.emplace_back([&, r] {
        Rank rank(world, r);
        try {
          f(rank);
        } catch (...) {
          errors[static_cast<size_t>(r)] = std::current_exception();
        }
      });
    for (std::thread& t : threads) t.join();
    for (const std::exception_ptr& e : errors)
      if (e) std::rethrow_exception(e);
  }

 private:
  explicit ThreadRanks(int size)
      : size_(size), barrier_(size), spans_(static_cast<size_t>(size)), sizes_(static_cast<size_t>(size)) {}

  class Rank final : public Communicator {
   public:
    Rank(ThreadRanks& world, int rank) : world_(world), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return world_.size_; }
    std::string name(int r) const override { return "rank " + std::to_string(r); }
    void start_sum(std::span<float> values) override { sum(values); }
    void start_sum(std::span<double> values) override { sum(values); }
    void progress() override {}
    void finish_sums() override {}
    bool leave(int) override { return true; }

   protected:
    void broadcast_bytes(std::span<std::byte> bytes, int from) override {
      meet(bytes, {});
      const auto source = world_.spans_[static_cast<size_t>(from)];
      if (rank_ != from && !bytes.empty()) std::memcpy(bytes.data(), source.data(), bytes.size());
      world_.barrier_.arrive_and_wait();
    }
    void gather_bytes(std::span<const std::byte> own, std::span<std::byte> all,
                      std::span<const std::size_t> sizes) override {
      meet(own, {});
      std::byte* to = all.data();
      for (size_t r = 0; r < sizes.size(); to += sizes[r++])
        if (sizes[r]) std::memcpy(to, world_.spans_[r].data(), sizes[r]);
      world_.barrier_.arrive_and_wait();
    }
    void exchange_bytes(std::span<const std::byte> out, std::span<const std::size_t> out_sizes,
                        std::span<std::byte> in, std::span<const std::size_t> in_sizes) override {
      meet(out, {out_sizes.begin(), out_sizes.end()});
      std::byte* to = in.data();
      for (size_t r = 0; r < in_sizes.size(); to += in_sizes[r++]) {
        const std::byte* from = world_.spans_[r].data();
        for (int k = 0; k < rank_; ++k) from += world_.sizes_[r][static_cast<size_t>(k)];
        if (in_sizes[r]) std::memcpy(to, from, in_sizes[r]);
      }
      world_.barrier_.arrive_and_wait();
    }

   private:
    void meet(std::span<const std::byte> bytes, std::vector<std::size_t> sizes) {
      world_.spans_[static_cast<size_t>(rank_)] = bytes;
      world_.sizes_[static_cast<size_t>(rank_)] = std::move(sizes);
      world_.barrier_.arrive_and_wait();
    }
    template <class T>
    void sum(std::span<T> values) {
      std::vector<T> all(values.size() * static_cast<size_t>(size()));
      const std::vector<std::size_t> counts(static_cast<size_t>(size()), values.size());
      all_gather(std::span<const T>(values), std::span(all), counts);
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = 0;
        for (size_t at = i; at < all.size(); at += values.size()) values[i] += all[at];
      }
    }
    ThreadRanks& world_;
    int rank_;
  };

  int size_;
  std::barrier<> barrier_;
  std::vector<std::span<const std::byte>> spans_;
  std::vector<std::vector<std::size_t>> sizes_;
};

}  // namespace gradus::tests
