#pragma once

#include <ucp/api/ucp.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::ucx {

/// The regions of this node's memory that are registered with UCX, within a budget of bytes.
///
///     unknown --use--> in use --the last use ends--> idle --use--> in use
///                                                    idle --room is needed, or drop--> unknown
///
/// A region is registered when it is first used, as a whole, and stays so while the budget allows:
/// those that have been idle the longest go first. Each registration has a key of its own number;
/// when it goes, who was given the key is to be told.
class registrations {
 public:
  registrations(ucp_context_h context, std::uint64_t bytes_max)
      : context_{context}, bytes_max_{bytes_max} {}
  ~registrations();
  registrations(const registrations&) = delete;
  registrations& operator=(const registrations&) = delete;

  struct key_view {
    std::uint64_t number = 0;
    wire::blob bytes;
  };
  /// Counts a use of the region. Nothing: the budget is in use, or the system refuses.
  /// @param region  the caller's number of it
  /// @param memory  all of it, the same as long as it is registered
  std::optional<ucp_mem_h> use(std::uint32_t region, std::span<std::byte> memory);
  void end_use(std::uint32_t region);
  std::size_t uses(std::uint32_t region) const;
  /// The key of a region in use, for that node.
  key_view key_for(std::uint32_t region, wire::node_id reader);
  /// The region's memory goes, or is another from now on. It is not in use.
  void drop(std::uint32_t region);

  using revoked_key = std::pair<wire::node_id, std::uint64_t>;
  /// Keys that went since the last call, for each node that was given one.
  std::vector<revoked_key> take_revoked() { return std::exchange(revoked_, {}); }

  std::uint64_t bytes() const { return bytes_; }

 private:
  struct registration {
    ucp_mem_h memory = nullptr;
    std::uint64_t size_bytes = 0;
    std::uint64_t number = 0;
    std::vector<std::byte> key;
    std::set<wire::node_id> readers;
    std::size_t uses = 0;
    std::uint64_t idle_since = 0;  // counts
  };
  using table = std::map<std::uint32_t, registration>;

  bool make_room(std::uint64_t size_bytes);
  table::iterator remove(table::iterator one);

  ucp_context_h context_;
  std::uint64_t bytes_max_;
  table regions_;
  std::map<std::uint64_t, std::uint32_t> idle_;  // by when it became so
  std::vector<revoked_key> revoked_;
  std::uint64_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace mobula::ucx
