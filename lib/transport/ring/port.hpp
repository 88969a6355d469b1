#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "transport/ring/arena_source.hpp"
#include "transport/ring/channel.hpp"
#include "transport/ring/hub.hpp"
#include "transport/ring/inbox.hpp"
#include "wire/outbox.hpp"
#include "wire/receiver.hpp"

namespace mobula::ring {

/// Takes, in the scheduler's process, what its node's processes send to other nodes.
class relay {
 public:
  virtual void on_forward(wire::process_id from, wire::process_id to, wire::blob message) = 0;

 protected:
  ~relay() = default;
};

/// Leave to sleep, given by `port::prepare_sleep`.
struct sleep_ticket {
  std::uint32_t sequence = 0;
  /// The port itself wants to be polled again then (CLOCK_MONOTONIC); UINT64_MAX: not before a
  /// message comes.
  std::uint64_t deadline_ns = UINT64_MAX;
};

/// A process's end of all rings of its node: sends, polls, sleeps.
///
/// A message to another node, or to a process toward which the limits allow no ring, goes through
/// the scheduler. Not thread-safe: every call but `sleep` and `interrupt` needs the process's lock.
/// Several threads may use it in turn; those who sleep do so without the lock.
class port final : public wire::outbox, private inbox::sink {
 public:
  /// The scheduler's. Both outlive it.
  port(hub& own, arena_source& peers);
  /// Anybody else's; see `member`.
  /// @param node       the first page of the scheduler's arena
  /// @param scheduler  the same arena, to send to
  port(wire::process_id self, arena& own, arena_source& peers, mapping node, peer_arena scheduler);
  port(const port&) = delete;
  port& operator=(const port&) = delete;

  wire::process_id self() const { return self_; }

  // Sending. Never blocks. The first messages to a peer wait until the scheduler has given its
  // arena.
  std::byte* begin(wire::process_id to, std::size_t size) override;
  void commit() override;
  /// In the scheduler: a message of somebody else to a process of this node. Ends with `commit`.
  std::byte* begin_forward(wire::process_id from, wire::process_id to, std::size_t size);
  /// Shows what was committed to its receivers.
  void flush();
  /// So much waits for room toward `to` that no new work should be sent there now.
  bool congested(wire::process_id to) const;
  /// Something sent to `to` waits for room, or for its arena.
  bool waits(wire::process_id to) const;
  /// Something waits for room: a process that ends now would lose it.
  bool has_backlog() const { return !backlog_.empty(); }

  /// Whether a poll would find nothing to do. May be asked instead of polling: counts as a poll,
  /// and costs much less.
  bool quiet() {
    return to_self_.empty() && ending_.empty() && backlog_.empty() && dirty_.empty() &&
           inbox_.quiet();
  }
  /// Delivers up to about `budget` messages, tries again what found no room, and flushes.
  /// @return how many it delivered, `on_closed` included
  std::size_t poll(wire::receiver& to, std::size_t budget = 256);

  /// The process has certainly ended. What it left is delivered by the next poll (or this one, in a
  /// handler), then `on_closed`; what is sent to it from now on is dropped.
  void peer_ended(wire::process_id peer);
  /// In the scheduler: who takes messages to other nodes. Without one they are dropped.
  void set_relay(relay* to_other_nodes) { relay_ = to_other_nodes; }

  /// Before the thread that polls does something else while another one may be asleep: from here
  /// on, senders wake the sleeper. False: there is something to poll first.
  bool rest();
  /// Flushes, and gives up rings that were not used for long. Nothing: there is something to poll.
  /// A ticket must be used, by `sleep` or, in the scheduler, by epoll on `event()` and `awake`.
  std::optional<sleep_ticket> prepare_sleep(std::uint64_t now_ns);
  /// Sleeps until a message comes, `interrupt`, the ticket's deadline or this one; sometimes less.
  void sleep(const sleep_ticket& ticket, std::uint64_t deadline_ns);
  int event() const { return event_; }
  void awake();
  /// Wakes the threads of this process that sleep, or have a ticket. From any thread.
  void interrupt();

  /// The page that this process shows to its scheduler, even after its death.
  std::span<std::byte, board_bytes> board() const { return own_.board(); }

  /// The page of its pins, which the scheduler reads at any time.
  std::span<std::byte, pins_bytes> pins() const { return own_.pins(); }
  /// How often blocks of the node's store have been moved: the scheduler counts, all read.
  std::atomic<std::uint64_t>& store_moves() const { return node_header_.store_moves; }

  std::uint64_t dropped() const { return dropped_; }
  std::uint64_t garbled() const { return garbled_ + inbox_.garbled(); }
  std::int64_t node_ring_bytes() const { return node_header_.node_ring_bytes.load(); }
  channel::state state_of(wire::process_id peer) const;

 private:
  void on_record(wire::process_id from, bool forwarded, wire::blob message) override;
  void on_forwarded(wire::process_id by, wire::blob message);
  channel* channel_to(wire::process_id to);
  channel* find_channel(wire::process_id to);
  const channel* way_to(wire::process_id to) const;
  void connect(channel& peer);
  bool take_arenas();
  void open(channel& peer, descriptor_answer memory);
  void forward(channel& peer);
  std::byte* begin_in(channel& peer, std::size_t size, bool forwarded);
  std::byte* begin_routed(channel& by, wire::process_id from, wire::process_id to,
                          std::size_t size);
  std::byte* begin_dropped(std::size_t size);
  void forget_channel(wire::process_id peer);
  void drain_backlog();
  std::size_t deliver_to_self(wire::receiver& to);
  std::size_t deliver_endings(wire::receiver& to);
  void give_up_idle(std::uint64_t now_ns);
  std::uint64_t own_deadline_ns(std::uint64_t now_ns);

  enum class target : std::uint8_t { none, peer, self, nowhere };

  wire::process_id self_;
  arena& own_;
  arena_source& peers_;
  int event_ = -1;
  mapping node_page_;
  arena_header& node_header_;
  inbox inbox_;
  relay* relay_ = nullptr;
  wire::receiver* receiver_ = nullptr;

  std::unordered_map<wire::process_id, std::unique_ptr<channel>> channels_;
  std::array<channel*, 64> recent_{};  // by incarnation, so that most sends need no hash look-up
  std::unordered_set<wire::process_id> ended_;
  channel* scheduler_ = nullptr;
  std::vector<channel*> dirty_;    // with something committed since the last flush
  std::vector<channel*> backlog_;  // with something that waits for room

  target target_ = target::none;
  channel* current_ = nullptr;
  message_queue to_self_;
  std::vector<wire::process_id> ending_;
  std::vector<std::byte> nowhere_;

  std::size_t asked_ = 0;       // channels that wait for their peer's arena
  std::size_t peer_rings_ = 0;  // open, to others than the scheduler
  std::uint64_t idle_period_end_ns_ = 0;
  std::uint64_t nap_ns_ = backlog_nap_ns_min;
  std::uint64_t dropped_ = 0;
  std::uint64_t garbled_ = 0;
};

}  // namespace mobula::ring
