#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/directory.hpp"
#include "core/remote_memory.hpp"
#include "runtime/published_store.hpp"
#include "transport/ucx/links.hpp"
#include "transport/ucx/registrations.hpp"
#include "transport/ucx/remote_reads.hpp"

namespace mobula::detail {

/// Through which other nodes read the node's store, and their stores are read into it: RMA over the
/// links, of extents that are registered as they are needed.
class store_window final : public core::remote_memory {
 public:
  static constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();

  /// @param pinned_bytes  so much of the store may be registered at a time
  store_window(published_store& store, ucx::links& links, std::uint64_t pinned_bytes)
      : store_{store}, registered_{links.context(), pinned_bytes}, reads_{links} {}

  std::optional<exposure> expose(const wire::location& block, wire::node_id reader) override;
  void conceal(const wire::location& block) override { end_use(block.extent); }
  bool start(const read& how) override;
  std::vector<revoked_key> take_revoked() override;
  void forget_key(wire::node_id holder, std::uint64_t key) override {
    reads_.forget_key(holder, key);
  }

  /// After each poll of the links: tells `whose` what has ended, and begins what was started.
  /// @return how many have ended
  std::size_t settle(core::directory& whose);
  /// Some of the extent, which is not held, gets other memory.
  void forget_extent(std::uint32_t extent) { registered_.drop(extent); }

 private:
  std::optional<ucp_mem_h> use(std::uint32_t extent, std::span<std::byte> memory);
  void end_use(std::uint32_t extent);

  published_store& store_;
  ucx::registrations registered_;
  ucx::remote_reads reads_;  // goes first: afterwards nothing is written any more
};

}  // namespace mobula::detail
