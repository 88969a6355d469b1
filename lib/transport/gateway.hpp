#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "transport/ring/port.hpp"
#include "transport/ucx/links.hpp"
#include "transport/ucx/node_receiver.hpp"
#include "wire/outbox.hpp"
#include "wire/receiver.hpp"

namespace mobula::transport {

/// Joins a node's rings and its links to other nodes, in the scheduler's process.
///
/// It is the scheduler's own transport, and carries everything that leaves the node or comes to it:
/// what processes here send to other nodes, what comes back for them, and (by the port) what
/// processes of this node send each other beyond the limits of rings. Order for each pair of
/// processes holds all the way: every hop keeps it, and a pair never changes its way.
///
/// Not thread-safe; never blocks. What the network does not take is kept, see `congested`.
class gateway final : public wire::outbox, private ring::relay, private ucx::node_receiver {
 public:
  /// What waits for the network toward one node before new work should not be sent there.
  static constexpr std::size_t backlog_bytes_congested = std::size_t{8} << 20;

  /// Both outlive it.
  /// @param remote  null in a job of one node
  gateway(ring::port& local, ucx::links* remote);
  ~gateway();
  gateway(const gateway&) = delete;
  gateway& operator=(const gateway&) = delete;

  std::byte* begin(wire::process_id to, std::size_t size) override;
  void commit() override;
  /// Makes what was committed visible to processes here and hands the rest to the network.
  void flush();
  /// So much waits for room on the way to `to` that no new work should be sent there now.
  bool congested(wire::process_id to) const;

  /// Delivers what came for the scheduler, relays the rest, and flushes. A node whose link breaks
  /// is reported as the end of its scheduler.
  /// @return messages handled, relayed ones from other nodes included
  std::size_t poll(wire::receiver& to, std::size_t budget = 256);

  /// Before sleeping in epoll on both descriptors. Nothing: poll first. Otherwise a deadline
  /// (CLOCK_MONOTONIC; UINT64_MAX: none) and `awake` must follow, whatever ended the sleep.
  std::optional<std::uint64_t> prepare_sleep(std::uint64_t now_ns);
  void awake() { local_.awake(); }
  int local_event() const { return local_.event(); }
  /// -1 in a job of one node.
  int remote_event() const { return remote_ == nullptr ? -1 : remote_->event_fd(); }

  /// Messages to nodes that the job does not have.
  std::uint64_t dropped() const { return dropped_; }

 private:
  void on_forward(wire::process_id from, wire::process_id to, wire::blob message) override;
  void on_message(wire::process_id from, wire::process_id to, wire::blob message) override;
  void on_link_down(wire::node_id node) override;

  bool is_here(wire::process_id to) const { return to.node() == local_.self().node(); }
  bool is_reachable(wire::process_id to) const {
    return remote_ != nullptr && to.node() < remote_->nodes();
  }
  std::byte* begin_remote(wire::process_id from, wire::process_id to, std::size_t size);

  enum class target : std::uint8_t { none, local, remote, nowhere };

  ring::port& local_;
  ucx::links* remote_;
  wire::receiver* receiver_ = nullptr;  // while polling
  target target_ = target::none;
  std::vector<std::byte> discarded_;  // room for a message that is dropped
  std::uint64_t dropped_ = 0;
};

}  // namespace mobula::transport
