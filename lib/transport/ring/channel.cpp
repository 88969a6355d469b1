#include "transport/ring/channel.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mobula::ring {

namespace {

// A long batch is shown in parts, so that the peer reads while the rest is written.
constexpr std::size_t hidden_bytes_max = 2048;
// While messages queue up, the ring is tried again each time that so much has been added: the peer
// would run dry if it were only tried when everything is written.
constexpr std::size_t queued_bytes_max = 16384;

}  // namespace

bool channel::open(peer_arena arena, wire::process_id self, arena_header& node, bool unlimited) {
  if (!arena.claim(self)) return false;
  budget_ = budget{arena.header(), node};
  if (!budget_.charge(arena.slot(), segment_bytes(0), unlimited)) {
    arena.unclaim();
    return false;
  }
  if (!arena.map_region()) {
    budget_.refund(arena.slot(), segment_bytes(0));
    arena.unclaim();
    return false;
  }
  arena_ = std::move(arena);
  ring_.emplace(arena_.region(), arena_.slot());
  state_ = state::ring;
  return true;
}

std::byte* channel::begin(std::size_t size, bool forwarded) {
  used = true;
  pending_forwarded_ = forwarded;
  if (ring_ && waiting_.empty() && size <= ring_->record_bytes_max()) {
    if (std::byte* const room = reserve(size)) {
      pending_in_ring_ = true;
      return room;
    }
  }
  pending_in_ring_ = false;
  return waiting_.begin(size, forwarded);
}

void channel::commit() {
  if (!pending_in_ring_) {
    waiting_.commit();
    queued_bytes_ += waiting_.last_bytes();
    if (queued_bytes_ >= queued_bytes_max) {
      queued_bytes_ = 0;
      drain();
    }
    return;
  }
  ring_->commit(record_kind::message, pending_forwarded_);
  if (ring_->hidden_bytes() >= hidden_bytes_max) publish();
}

void channel::publish() {
  if (ring_ && ring_->publish()) arena_.tell();
}

std::byte* channel::reserve(std::size_t size) {
  std::byte* room = ring_->reserve(size);
  if (room == nullptr && grow()) room = ring_->reserve(size);
  return room;
}

bool channel::grow() {
  // The peer can only make room by reading what it sees.
  publish();
  if (!ring_->can_grow()) return false;
  const auto bytes = static_cast<std::int64_t>(ring_->next_segment_bytes());
  if (!budget_.charge(arena_.slot(), bytes)) return false;
  ring_->grow();
  return true;
}

bool channel::drain() {
  if (state_ == state::asked) return false;
  while (!waiting_.empty()) {
    if (!drain_front()) {
      publish();
      return false;
    }
    waiting_.pop();
  }
  publish();
  return true;
}

bool channel::drain_front() {
  const wire::blob message = waiting_.front();
  const bool forwarded = waiting_.front_forwarded();
  if (fragments_sent_bytes_ == 0 && message.size() <= ring_->record_bytes_max()) {
    std::byte* const room = reserve(message.size());
    if (room == nullptr) return false;
    if (!message.empty()) std::memcpy(room, message.data(), message.size());
    ring_->commit(record_kind::message, forwarded);
    return true;
  }
  do {
    const bool first = fragments_sent_bytes_ == 0;
    const std::uint64_t total = message.size();
    const std::size_t prefix = first ? sizeof total : 0;
    const std::size_t part =
        std::min(ring_->record_bytes_max() - prefix, message.size() - fragments_sent_bytes_);
    std::byte* const room = reserve(prefix + part);
    if (room == nullptr) return false;
    if (first) std::memcpy(room, &total, sizeof total);
    std::memcpy(room + prefix, message.data() + fragments_sent_bytes_, part);
    fragments_sent_bytes_ += part;
    const bool last = fragments_sent_bytes_ == message.size();
    ring_->commit(first  ? record_kind::first
                  : last ? record_kind::last
                         : record_kind::middle,
                  forwarded);
    publish();
  } while (fragments_sent_bytes_ != message.size());
  fragments_sent_bytes_ = 0;
  return true;
}

void channel::give_up() {
  if (state_ != state::ring || waits() || !ring_->drained()) return;
  ring_->give_up();
  // Wakes a sleeper too, once a ring: its memory is worth more to the node than that.
  publish();
  ring_.reset();
  arena_ = peer_arena{};
  state_ = state::given_up;
}

}  // namespace mobula::ring
