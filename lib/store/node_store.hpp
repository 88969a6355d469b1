#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/block_store.hpp"
#include "store/allocator.hpp"
#include "store/extent.hpp"
#include "store/numa_topology.hpp"
#include "store/warm_ahead.hpp"

namespace mobula::store {

struct node_store_options {
  wire::node_id node = 0;
  std::uint32_t incarnation = 0;  // of the node: counts its lives in the job
  std::string host;               // for errors
  allocator_limits limits;
  /// Told before memory of an extent that is not held, in which no block is in use, goes back to
  /// the system: who has the extent registered with a device lets go of it. May be empty.
  std::function<void(std::uint32_t extent)> before_release{};
  /// Memory that is populated ahead of its use: as much as was asked for until now, at most so
  /// much.
  std::uint64_t warm_ahead_bytes = 0;
  /// Whose domains its extents are spread over.
  numa_topology numa{};
};

/// An eighth of the store, up to 1 GiB.
std::uint64_t default_warm_ahead_bytes(std::uint64_t capacity_bytes);

/// The object store of a node: extents in shared memory and who uses what of them. Lives in the
/// node's scheduler process, under its lock. All of its memory goes with the last process that has
/// it mapped; it has no name that could be left behind.
class node_store final : public core::block_store {
 public:
  explicit node_store(node_store_options options);
  node_store(const node_store&) = delete;
  node_store& operator=(const node_store&) = delete;

  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override;
  void release(const wire::location& block) override;
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override;

  /// The extent's file, to be handed to a process of this node; -1 if there is none of that number.
  /// Stays ours: who hands it on duplicates it (sending it over a socket does).
  int extent_file(std::uint32_t extent) const;
  /// All of an extent's memory, mapped for writing; empty if there is none of that number, or it
  /// can't be mapped.
  std::span<std::byte> extent_bytes(std::uint32_t extent);

  /// While an extent is held, none of its memory goes back to the system, used or not: a device
  /// reads or writes there.
  void hold(std::uint32_t extent, bool held) { books_.hold(extent, held); }

  /// Memory that nothing needed for so long goes back to the system, after twice as long at the
  /// latest; a quarter of the store stays warm for good.
  static constexpr std::uint64_t idle_ns_min = 10'000'000'000;
  void tick(std::uint64_t now_ns);
  /// When `tick` is wanted next.
  std::uint64_t next_deadline_ns() const { return next_trim_ns_; }

  std::uint64_t capacity_bytes() const override { return books_.capacity_bytes(); }
  std::uint64_t in_use_bytes() const { return books_.in_use_bytes(); }
  std::size_t blocks() const { return books_.blocks(); }
  /// Waits until all that was to be populated ahead is. For tests and figures.
  void finish_warming() { ahead_.finish(); }

 private:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  unsigned domain_of(wire::numa_node node) const;
  bool is_live(const wire::location& block) const;
  bool apply_changes();
  void warm_up_ahead(unsigned domain);
  wire::error_value refusal(std::uint64_t size_bytes, const std::string& why) const;

  node_store_options options_;
  allocator books_;
  std::vector<std::optional<extent>> extents_;  // by number
  std::uint64_t asked_bytes_ = 0;               // until now
  std::uint64_t next_trim_ns_ = never;          // see allocator::trim
  warm_ahead ahead_;                            // ends before the extents do
};

}  // namespace mobula::store
