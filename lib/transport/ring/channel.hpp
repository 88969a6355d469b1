#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "transport/ring/arena.hpp"
#include "transport/ring/budget.hpp"
#include "transport/ring/message_queue.hpp"
#include "transport/ring/producer.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// What goes before a forwarded message: between whom it really is.
struct route {
  wire::process_id from;
  wire::process_id to;
};

/// The way from this process to one other.
///
/// new_peer -> asked -> ring -> given_up -> asked, or asked -> forwarded.
///
/// new_peer: nothing was sent yet; the first message asks for the peer's arena.
/// asked: messages wait for the answer.
/// ring: into the ring and, once it is full, a queue until that is empty.
/// given_up: as new_peer; everything sent before has been read.
/// forwarded: into the channel to the scheduler, with their route. For good, since a ring would
///   overtake what is still under way.
/// ended: what the port says of a peer that it has no channel to any more.
class channel {
 public:
  enum class state : std::uint8_t { new_peer, asked, ring, given_up, forwarded, ended };

  explicit channel(wire::process_id to) : to_{to} {}

  wire::process_id to() const { return to_; }
  state now() const { return state_; }

  /// Takes a slot in the peer's arena. False: no room under the limits; try the scheduler.
  /// @param node       the scheduler's arena, which has the node's budget
  /// @param unlimited  one end is the scheduler
  bool open(peer_arena arena, wire::process_id self, arena_header& node, bool unlimited);
  void ask() { state_ = state::asked; }
  void forward() { state_ = state::forwarded; }

  /// Room for one message, in the ring if it can be. Only in the states `ring` and `asked`.
  std::byte* begin(std::size_t size, bool forwarded);
  void commit();
  /// Makes what was committed visible and tells the peer.
  void publish();
  /// Moves what waits into the ring as far as there is room. True: nothing waits any more.
  bool drain();

  /// Leaves the ring, if the peer has read all of it.
  void give_up();

  bool has_hidden() const { return ring_ && ring_->hidden_bytes() != 0; }
  std::size_t waiting_bytes() const { return waiting_.bytes(); }
  bool waits() const { return !waiting_.empty(); }
  /// What waits, for those who send it another way.
  message_queue& waiting() { return waiting_; }
  std::uint64_t ring_position() const { return ring_ ? ring_->position() : 0; }

  // Marks of the port: which of its lists this channel is in, and whether it was used lately.
  bool in_dirty = false;
  bool in_backlog = false;
  bool used = false;

 private:
  bool grow();
  std::byte* reserve(std::size_t size);
  bool drain_front();

  wire::process_id to_;
  state state_ = state::new_peer;
  bool pending_in_ring_ = false;
  bool pending_forwarded_ = false;
  peer_arena arena_;
  budget budget_;
  std::optional<producer> ring_;
  message_queue waiting_;
  std::size_t queued_bytes_ = 0;  // since the ring was tried last
  // Of the oldest waiting message, when it travels in fragments.
  std::size_t fragments_sent_bytes_ = 0;
};

}  // namespace mobula::ring
