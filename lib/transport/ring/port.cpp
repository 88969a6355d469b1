#include "transport/ring/port.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "transport/ring/wake.hpp"

namespace mobula::ring {

namespace {

[[noreturn]] void broken(const char* what, wire::process_id self, wire::process_id other) {
  std::fprintf(stderr, "mobula: ring port of process %u.%u: %s (process %u.%u)\n",
               unsigned{self.node()}, self.incarnation(), what, unsigned{other.node()},
               other.incarnation());
  std::abort();
}

}  // namespace

port::port(hub& own, arena_source& peers)
    : self_{own.process()},
      own_{own.memory()},
      peers_{peers},
      event_{own.event()},
      node_header_{own.memory().header()},
      inbox_{own_, node_header_} {}

port::port(wire::process_id self, arena& own, arena_source& peers, mapping node,
           peer_arena scheduler)
    : self_{self},
      own_{own},
      peers_{peers},
      node_page_{std::move(node)},
      node_header_{*reinterpret_cast<arena_header*>(node_page_.begin())},
      inbox_{own_, node_header_} {
  const auto id = wire::process_id::scheduler_of(self.node());
  auto& way = channels_[id] = std::make_unique<channel>(id);
  if (!way->open(std::move(scheduler), self_, node_header_, true)) {
    broken("no ring to the scheduler, which let us join", self_, id);
  }
  scheduler_ = way.get();
}

std::byte* port::begin(wire::process_id to, std::size_t size) {
  if (target_ != target::none) broken("begin before the commit of another message", self_, to);
  if (to == self_) {
    target_ = target::self;
    return to_self_.begin(size, false);
  }
  channel* const peer = channel_to(to);
  if (peer == nullptr) return begin_dropped(size);
  if (peer->now() != channel::state::forwarded) return begin_in(*peer, size, false);
  if (scheduler_ == nullptr) return begin_dropped(size);
  return begin_routed(*scheduler_, self_, to, size);
}

std::byte* port::begin_forward(wire::process_id from, wire::process_id to, std::size_t size) {
  if (target_ != target::none) broken("begin before the commit of another message", self_, to);
  channel* const peer = channel_to(to);
  if (peer == nullptr || peer->now() != channel::state::ring) return begin_dropped(size);
  return begin_routed(*peer, from, to, size);
}

void port::commit() {
  switch (std::exchange(target_, target::none)) {
    case target::peer: {
      channel& peer = *current_;
      peer.commit();
      if (peer.waits()) {
        if (!std::exchange(peer.in_backlog, true)) backlog_.push_back(&peer);
      } else if (!std::exchange(peer.in_dirty, true)) {
        dirty_.push_back(&peer);
      }
      break;
    }
    case target::self:
      to_self_.commit();
      break;
    case target::nowhere:
      ++dropped_;
      break;
    case target::none:
      broken("commit without begin", self_, self_);
  }
}

std::byte* port::begin_in(channel& peer, std::size_t size, bool forwarded) {
  target_ = target::peer;
  current_ = &peer;
  return peer.begin(size, forwarded);
}

std::byte* port::begin_routed(channel& by, wire::process_id from, wire::process_id to,
                              std::size_t size) {
  const route between{from, to};
  std::byte* const room = begin_in(by, sizeof between + size, true);
  std::memcpy(room, &between, sizeof between);
  return room + sizeof between;
}

std::byte* port::begin_dropped(std::size_t size) {
  target_ = target::nowhere;
  nowhere_.resize(std::max<std::size_t>(size, 1));
  return nowhere_.data();
}

void port::flush() {
  for (channel* const peer : dirty_) {
    peer->in_dirty = false;
    peer->publish();
  }
  dirty_.clear();
  drain_backlog();
}

const channel* port::way_to(wire::process_id to) const {
  const auto found = channels_.find(to);
  if (found == channels_.end()) return nullptr;
  const channel* const way = found->second.get();
  return way->now() == channel::state::forwarded ? scheduler_ : way;
}

bool port::congested(wire::process_id to) const {
  const channel* const way = way_to(to);
  return way != nullptr && way->waiting_bytes() > backlog_bytes_congested;
}

bool port::waits(wire::process_id to) const {
  const channel* const way = way_to(to);
  return way != nullptr && way->waits();
}

channel::state port::state_of(wire::process_id peer) const {
  if (ended_.contains(peer)) return channel::state::ended;
  const auto found = channels_.find(peer);
  return found == channels_.end() ? channel::state::new_peer : found->second->now();
}

channel* port::find_channel(wire::process_id to) {
  channel*& recent = recent_[to.incarnation() % recent_.size()];
  if (recent != nullptr && recent->to() == to) return recent;
  const auto found = channels_.find(to);
  if (found == channels_.end()) return nullptr;
  return recent = found->second.get();
}

channel* port::channel_to(wire::process_id to) {
  channel* peer = find_channel(to);
  if (peer != nullptr && peer->now() != channel::state::new_peer &&
      peer->now() != channel::state::given_up) {
    return peer;
  }
  if (ended_.contains(to)) return nullptr;
  if (peer == nullptr) peer = (channels_[to] = std::make_unique<channel>(to)).get();
  connect(*peer);
  return find_channel(to);
}

// The answer may be there at once: then messages go straight into the ring.
void port::connect(channel& peer) {
  if (peer.to().node() != self_.node()) {
    if (self_.is_scheduler()) broken("a message to another node", self_, peer.to());
    return peer.forward();
  }
  peer.ask();
  ++asked_;
  peers_.ask_arena(peer.to());
  take_arenas();
}

// @returns whether any have come
bool port::take_arenas() {
  bool any = false;
  while (asked_ != 0) {
    auto answer = peers_.next_arena();
    if (!answer) break;
    any = true;
    channel* const peer = find_channel(answer->process);
    // It may have ended meanwhile.
    if (peer == nullptr || peer->now() != channel::state::asked) continue;
    open(*peer, std::move(answer->memory));
  }
  return any;
}

void port::open(channel& peer, descriptor_answer memory) {
  if (memory.kind != answer_kind::found) {
    // Nobody will tell of its end, if it ended before we first heard of it.
    dropped_ += peer.waiting().count();
    return peer_ended(peer.to());
  }
  --asked_;
  peer_arena arena{std::move(memory.found), descriptor{}, peer.to()};
  if (arena && peer.open(std::move(arena), self_, node_header_, self_.is_scheduler())) {
    ++peer_rings_;
    return;
  }
  // The scheduler has nobody to fall back on; its slot and its budget are always there.
  if (self_.is_scheduler()) broken("no ring to a process that joined", self_, peer.to());
  forward(peer);
}

void port::forward(channel& peer) {
  peer.forward();
  message_queue& waiting = peer.waiting();
  while (!waiting.empty()) {
    const wire::blob message = waiting.front();
    std::byte* const room = scheduler_ != nullptr
                                ? begin_routed(*scheduler_, self_, peer.to(), message.size())
                                : begin_dropped(message.size());
    if (!message.empty()) std::memcpy(room, message.data(), message.size());
    commit();
    waiting.pop();
  }
}

void port::drain_backlog() {
  if (backlog_.empty()) return;
  take_arenas();
  std::erase_if(backlog_, [this](channel* peer) {
    const std::uint64_t before = peer->ring_position();
    const bool empty = peer->drain();
    if (peer->ring_position() != before) nap_ns_ = backlog_nap_ns_min;
    if (!empty) return false;
    peer->in_backlog = false;
    return true;
  });
}

std::size_t port::poll(wire::receiver& to, std::size_t budget) {
  if (receiver_ != nullptr) broken("poll within poll", self_, self_);
  receiver_ = &to;
  drain_backlog();
  std::size_t delivered = deliver_to_self(to);
  delivered += inbox_.poll(*this, budget);
  delivered += deliver_endings(to);
  receiver_ = nullptr;
  flush();
  return delivered;
}

std::size_t port::deliver_to_self(wire::receiver& to) {
  // Only those that are there now: handlers add to them.
  const std::size_t count = to_self_.count();
  for (std::size_t i = 0; i < count; ++i) {
    to.on_message(self_, to_self_.front());
    to_self_.pop();
  }
  return count;
}

void port::on_record(wire::process_id from, bool forwarded, wire::blob message) {
  if (forwarded) {
    on_forwarded(from, message);
  } else {
    receiver_->on_message(from, message);
  }
}

void port::on_forwarded(wire::process_id by, wire::blob message) {
  route between;
  if (message.size() < sizeof between) {
    ++garbled_;
    return;
  }
  std::memcpy(&between, message.data(), sizeof between);
  message = message.subspan(sizeof between);
  // Only a scheduler speaks for others.
  if (!between.to || !(between.from == by || by.is_scheduler())) {
    ++garbled_;
  } else if (between.to == self_) {
    receiver_->on_message(between.from, message);
  } else if (!self_.is_scheduler()) {
    ++garbled_;
  } else if (between.to.node() == self_.node()) {
    std::byte* const room = begin_forward(between.from, between.to, message.size());
    if (!message.empty()) std::memcpy(room, message.data(), message.size());
    commit();
  } else if (relay_ != nullptr) {
    relay_->on_forward(between.from, between.to, message);
  } else {
    ++dropped_;
  }
}

void port::peer_ended(wire::process_id peer) {
  if (peer == self_ || !ended_.insert(peer).second) return;
  forget_channel(peer);
  ending_.push_back(peer);
}

void port::forget_channel(wire::process_id peer) {
  const auto found = channels_.find(peer);
  if (found == channels_.end()) return;
  channel* const gone = found->second.get();
  if (gone->now() == channel::state::ring && gone != scheduler_) --peer_rings_;
  if (gone->now() == channel::state::asked) --asked_;
  std::erase(dirty_, gone);
  std::erase(backlog_, gone);
  if (scheduler_ == gone) scheduler_ = nullptr;
  for (channel*& recent : recent_) {
    if (recent == gone) recent = nullptr;
  }
  channels_.erase(found);
}

std::size_t port::deliver_endings(wire::receiver& to) {
  std::size_t delivered = 0;
  // By index: what the dead have left may tell of more deaths.
  for (std::size_t i = 0; i < ending_.size(); ++i) {
    const wire::process_id ended = ending_[i];
    delivered += inbox_.finish(ended, *this) + 1;
    to.on_closed(ended);
  }
  ending_.clear();
  return delivered;
}

bool port::rest() {
  flush();
  return to_self_.empty() && ending_.empty() && inbox_.rest();
}

std::optional<sleep_ticket> port::prepare_sleep(std::uint64_t now_ns) {
  give_up_idle(now_ns);
  if (!rest()) return std::nullopt;
  arena_header& header = own_.header();
  sleep_ticket ticket;
  ticket.sequence = header.wake_sequence.load(std::memory_order_seq_cst);
  // Counted in first, then the last look; senders set their bit first, then look who sleeps.
  header.asleep.fetch_add(1, std::memory_order_seq_cst);
  if (inbox_.has_news() || take_arenas()) {
    header.asleep.fetch_sub(1, std::memory_order_seq_cst);
    return std::nullopt;
  }
  ticket.deadline_ns = own_deadline_ns(now_ns);
  return ticket;
}

void port::sleep(const sleep_ticket& ticket, std::uint64_t deadline_ns) {
  arena_header& header = own_.header();
  futex_wait(header.wake_sequence, ticket.sequence, std::min(deadline_ns, ticket.deadline_ns));
  header.asleep.fetch_sub(1, std::memory_order_seq_cst);
}

void port::awake() {
  own_.header().asleep.fetch_sub(1, std::memory_order_seq_cst);
  event_clear(event_);
}

void port::interrupt() {
  own_.header().wake_sequence.fetch_add(1, std::memory_order_seq_cst);
  if (event_ >= 0) {
    event_wake(event_);
  } else {
    futex_wake(own_.header().wake_sequence);
  }
}

void port::give_up_idle(std::uint64_t now_ns) {
  // Rings from and to the scheduler stay: there is one slot for each, and they are few.
  if (peer_rings_ == 0 || self_.is_scheduler() || now_ns < idle_period_end_ns_) return;
  const bool first_period = idle_period_end_ns_ == 0;
  idle_period_end_ns_ = now_ns + node_header_.idle_ring_ns;
  for (const auto& [id, peer] : channels_) {
    if (peer.get() == scheduler_ || peer->now() != channel::state::ring) continue;
    if (std::exchange(peer->used, false) || first_period || peer->has_hidden()) continue;
    peer->give_up();
    if (peer->now() == channel::state::given_up) --peer_rings_;
  }
}

std::uint64_t port::own_deadline_ns(std::uint64_t now_ns) {
  if (!backlog_.empty()) {
    // With an arena its asker is woken, unless the scheduler has gone.
    if (backlog_.size() == asked_) return now_ns + backlog_nap_ns_max;
    return now_ns + std::exchange(nap_ns_, std::min(2 * nap_ns_, backlog_nap_ns_max));
  }
  if (peer_rings_ == 0 || self_.is_scheduler()) return UINT64_MAX;
  return std::max(idle_period_end_ns_, now_ns + 1);
}

}  // namespace mobula::ring
