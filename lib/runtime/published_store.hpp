#pragma once

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "core/block_store.hpp"
#include "core/errors.hpp"
#include "store/node_store.hpp"
#include "transport/ring/broker.hpp"

namespace mobula::detail {

/// The node's store, whose extents its processes can get from the broker, by number.
class published_store final : public core::block_store {
 public:
  published_store(store::node_store_options options, ring::broker& broker)
      : memory_{std::move(options)}, broker_{broker} {}

  std::uint64_t capacity_bytes() const override { return memory_.capacity_bytes(); }
  allocation allocate_near(wire::numa_node node, std::uint64_t size_bytes) override {
    allocation made = memory_.allocate_near(node, size_bytes);
    if (made.error || publish(made.where.extent)) return made;
    const std::string cause = std::generic_category().message(errno);
    memory_.release(made.where);
    return {{},
            core::make_error(wire::error_code::store_full,
                             wire::process_id::scheduler_of(made.where.node),
                             "the store's memory can't be handed to the processes of node " +
                                 std::to_string(made.where.node) + " (" + cause +
                                 "): raise the limit of open files (ulimit -n) of its scheduler")};
  }
  void release(const wire::location& block) override { memory_.release(block); }
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override {
    return memory_.bytes(block);
  }
  void hold(std::uint32_t extent, bool held) { memory_.hold(extent, held); }
  void tick(std::uint64_t now_ns) { memory_.tick(now_ns); }
  std::uint64_t next_deadline_ns() const { return memory_.next_deadline_ns(); }
  std::span<std::byte> extent_bytes(std::uint32_t extent) { return memory_.extent_bytes(extent); }

 private:
  // Whoever hears of a block can map its extent. False: not yet, and errno tells why.
  bool publish(std::uint32_t extent) {
    if (extent >= published_.size()) published_.resize(extent + 1);
    if (!published_[extent])
      published_[extent] = broker_.publish(extent, memory_.extent_file(extent));
    return published_[extent];
  }

  store::node_store memory_;
  ring::broker& broker_;
  std::vector<bool> published_;  // by number of the extent
};

}  // namespace mobula::detail
