#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/block_store.hpp"
#include "store/allocator.hpp"
#include "store/extent.hpp"

namespace mobula::store {

struct node_store_options {
  wire::node_id node = 0;
  std::uint32_t incarnation = 0;  // of the node: counts its lives in the job
  std::string host;               // for errors
  allocator_limits limits;
};

/// The object store of a node: extents in shared memory and who uses what of them. Lives in the
/// node's scheduler process, under its lock. All of its memory goes with the last process that has
/// it mapped; it has no name that could be left behind.
class node_store final : public core::block_store {
 public:
  explicit node_store(node_store_options options);
  node_store(const node_store&) = delete;
  node_store& operator=(const node_store&) = delete;

  allocation allocate(std::uint64_t size_bytes) override;
  void release(const wire::location& block) override;
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override;

  /// The extent's file, to be handed to a process of this node; -1 if there is none of that number.
  /// Stays ours: who hands it on duplicates it (sending it over a socket does).
  int extent_file(std::uint32_t extent) const;

  std::uint64_t capacity_bytes() const override { return books_.capacity_bytes(); }
  std::uint64_t in_use_bytes() const { return books_.in_use_bytes(); }
  std::size_t blocks() const { return books_.blocks(); }

 private:
  bool is_live(const wire::location& block) const;
  bool apply_changes();
  wire::error_value refusal(std::uint64_t size_bytes, const std::string& why) const;

  node_store_options options_;
  allocator books_;
  std::vector<std::optional<extent>> extents_;  // by number
};

}  // namespace mobula::store
