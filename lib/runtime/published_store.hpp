#pragma once

#include <cstdint>

#include "core/block_store.hpp"
#include "store/node_store.hpp"
#include "transport/ring/broker.hpp"

namespace mobula::detail {

/// The node's store, whose extents its processes can get from the broker, by number.
class published_store final : public core::block_store {
 public:
  published_store(store::node_store_options options, ring::broker& broker)
      : memory_{std::move(options)}, broker_{broker} {}

  allocation allocate(std::uint64_t size_bytes) override {
    allocation made = memory_.allocate(size_bytes);
    // Extents are numbered as they come: whoever hears of a block can map it.
    for (int file = memory_.extent_file(published_); file >= 0 && !made.error;
         file = memory_.extent_file(published_))
      broker_.publish(published_++, file);
    return made;
  }
  void release(const wire::location& block) override { memory_.release(block); }
  std::optional<std::span<std::byte>> bytes(const wire::location& block) override {
    return memory_.bytes(block);
  }

 private:
  store::node_store memory_;
  ring::broker& broker_;
  std::uint32_t published_ = 0;
};

}  // namespace mobula::detail
