#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wire/ids.hpp"

namespace mobula::store {

/// The blocks of its node's store that a process reads: in shared memory, so that the scheduler
/// sees them without asking, and they end with the process. A block that is pinned is neither moved
/// nor used for anything else.
///
/// One process writes, under its lock; the scheduler reads at any time. Who pins a block that might
/// be moved looks afterwards whether blocks have been moved since it heard of that one: the
/// scheduler counts first, then reads the pages, then moves.
class pin_page {
 public:
  /// @param page  zeroed; outlives this
  explicit pin_page(std::span<std::byte> page);

  /// @return the pin's number; nothing: there are as many as the page has room for
  std::optional<std::uint32_t> pin(const wire::location& block);
  void unpin(std::uint32_t number);
  std::size_t pins() const { return next_ - free_.size(); }

 private:
  std::span<std::atomic<std::uint64_t>> words_;  // the first: how many were ever used
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

/// What is pinned on some pages, as it was when they were read.
class pinned_blocks {
 public:
  void add(std::span<const std::byte> page);
  bool contains(const wire::location& block) const;
  std::size_t size() const { return words_.size(); }

 private:
  std::unordered_set<std::uint64_t> words_;
};

/// Who reads which blocks, by the pages of several processes.
class block_readers {
 public:
  void add(wire::process_id process, std::span<const std::byte> page);
  /// Once for each pin.
  std::vector<wire::process_id> of(const wire::location& block) const;

 private:
  std::unordered_map<std::uint64_t, std::vector<wire::process_id>> by_word_;
};

}  // namespace mobula::store
