#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "transport/ucx/links.hpp"
#include "transport/ucx/remote_keys.hpp"
#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::ucx {

/// Reads memory of other nodes over the links to them (ucp_get).
///
/// What is started ends: with the bytes, or without them, which is how all ends that is under way
/// on a link that breaks. Until then the memory to be filled is UCX's. Ends are told by
/// `take_ended`, never from inside UCX; the links' `poll` brings them about. Where the network
/// can't do it by itself, the links of the memory's owner serve the read when they are polled.
class remote_reads {
 public:
  /// What the starter wants to hear again.
  struct label {
    std::uint64_t token = 0;
    std::uint64_t offset = 0;
    std::uint32_t region = 0;
  };
  struct ended_read {
    label which;
    bool succeeded = false;
  };

  /// @param over  outlives it
  explicit remote_reads(links& over) : links_{over} {}
  /// Ends all links: afterwards nothing is written any more.
  ~remote_reads();
  remote_reads(const remote_reads&) = delete;
  remote_reads& operator=(const remote_reads&) = delete;

  /// The read begins with the next `flush`.
  /// @param number  of the key at its holder
  /// @param packed  the key; copied
  /// @param local   the registration of the memory that `into` lies in
  void start(label which, wire::node_id from, std::uint64_t address, std::uint64_t number,
             wire::blob packed, std::span<std::byte> into, ucp_mem_h local);
  /// Not from a receiver.
  void flush();
  /// What has ended since the last call.
  std::vector<ended_read> take_ended() { return std::exchange(ended_, {}); }
  bool has_news() const { return !waiting_.empty() || !ended_.empty(); }

  void forget_key(wire::node_id holder, std::uint64_t number) { keys_.forget(holder, number); }
  std::size_t keys() const { return keys_.size(); }
  std::size_t in_flight() const { return in_flight_.size(); }

 private:
  struct operation {
    remote_reads* home = nullptr;
    label which;
    wire::node_id from = 0;
    std::uint64_t address = 0;
    std::uint64_t number = 0;
    std::vector<std::byte> packed;
    std::span<std::byte> into;
    ucp_mem_h local = nullptr;
    std::shared_ptr<remote_key> key;  // as long as it is in flight
  };
  using operation_ptr = std::unique_ptr<operation>;

  static void on_done(void* request, ucs_status_t status, void* one);
  void begin(operation_ptr one);
  void end(const operation& one, bool succeeded);

  links& links_;
  remote_keys keys_;
  std::vector<operation_ptr> waiting_;
  std::unordered_set<operation*> in_flight_;
  std::vector<ended_read> ended_;
};

}  // namespace mobula::ucx
