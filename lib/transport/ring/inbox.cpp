#include "transport/ring/inbox.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace mobula::ring {

namespace {

// Looking at a ring costs a nanosecond or two while nothing comes; being told of it again costs its
// sender and us a cache miss each. So a few rings stay hot for long, many do not.
constexpr std::size_t hot_rings_few = 8;
constexpr std::uint64_t idle_turns_few = std::uint64_t{1} << 20;
constexpr std::uint64_t idle_turns_many = 512;

}  // namespace

inbox::inbox(arena& own, arena_header& node)
    : own_{own},
      budget_{own.header(), node},
      news_words_{(own.slot_count() + 63) / 64},
      rings_(own.slot_count()) {}

std::size_t inbox::poll(sink& to, std::size_t limit) {
  ++turn_;
  adopt_news();
  std::size_t delivered = 0;
  const std::size_t rings = hot_.size();
  std::size_t over = 0;
  for (std::size_t i = 0; i < rings && delivered < limit; ++i) {
    // Begin with another one each time, or the last ones starve under a limit.
    incoming& from = *hot_[(turn_ + i) % rings];
    bool is_over = false;
    const std::size_t read = drain(from, to, limit - delivered, is_over);
    if (read != 0) from.last_seen = turn_;
    delivered += read;
    over += is_over ? 1 : 0;
  }
  if (over != 0) {
    std::vector<std::uint32_t> freed;
    std::erase_if(hot_, [&](const incoming* ring) {
      if (ring->hot) return false;
      if (!ring->broken) freed.push_back(ring->slot);
      return true;
    });
    for (const std::uint32_t slot : freed) free(slot);
  }
  if (turn_ - cooled_ >= turns_between_cooling) {
    cooled_ = turn_;
    cool_idle();
  }
  return delivered;
}

void inbox::adopt_news() {
  for (std::uint32_t word = 0; word < news_words_; ++word) {
    std::uint64_t fresh = own_.header().news[word].load(std::memory_order_acquire) & ~known_[word];
    known_[word] |= fresh;
    for (; fresh != 0; fresh &= fresh - 1) {
      adopt(word * 64 + static_cast<std::uint32_t>(std::countr_zero(fresh)));
    }
  }
}

inbox::incoming* inbox::adopt(std::uint32_t slot) {
  if (slot >= own_.slot_count()) return nullptr;
  const wire::process_id owner = owner_of(slot);
  if (!owner) return nullptr;
  auto& ring = rings_[slot];
  if (!ring) {
    ring = std::make_unique<incoming>(slot, owner, consumer{own_.region(slot), own_.slot(slot)});
  }
  if (!ring->hot && !ring->broken) {
    ring->hot = true;
    ring->last_seen = turn_;
    hot_.push_back(ring.get());
  }
  return ring.get();
}

wire::process_id inbox::owner_of(std::uint32_t slot) {
  std::uint64_t owner = own_.slot(slot).owner.load(std::memory_order_seq_cst);
  if (owner == 0) {
    // Told of a slot that has been freed: the last word of one that gave it up came late. The next
    // owner must find the bit clear; it claims the slot first, then looks at the bit.
    const std::uint64_t bit = std::uint64_t{1} << slot % 64;
    own_.header().news[slot / 64].fetch_and(~bit, std::memory_order_seq_cst);
    owner = own_.slot(slot).owner.load(std::memory_order_seq_cst);
    if (owner != 0) {
      own_.header().news[slot / 64].fetch_or(bit, std::memory_order_seq_cst);
    } else {
      known_[slot / 64] &= ~bit;
    }
  }
  return wire::process_id::from_bits(owner);
}

struct inbox::drained {
  inbox& self;
  incoming& from;
  sink& to;

  void on_record(record_header header, wire::blob bytes) {
    if (from.broken) return;
    if (header.kind() == record_kind::message) {
      to.on_record(from.from, header.forwarded(), bytes);
      return;
    }
    if (!self.on_fragment(from, header, bytes)) {
      from.broken = true;
    } else if (header.kind() == record_kind::last) {
      const auto whole = std::exchange(from.assembled, nullptr);
      to.on_record(from.from, header.forwarded(), {whole.get(), from.expected_bytes});
    }
  }
  void on_segment_left(unsigned index) {
    self.own_.punch_segment(from.slot, index);
    self.budget_.refund(self.own_.slot(from.slot), static_cast<std::int64_t>(segment_bytes(index)));
  }
};

std::size_t inbox::drain(incoming& from, sink& to, std::size_t limit, bool& over) {
  std::size_t read = 0;
  const drain_end end = from.ring.drain(drained{*this, from, to}, limit, read);
  if (end == drain_end::broken) from.broken = true;
  over = from.broken || end == drain_end::gave_up;
  if (over) from.hot = false;
  if (from.broken) ++garbled_;
  return read;
}

bool inbox::on_fragment(incoming& from, record_header header, wire::blob bytes) {
  if (header.kind() == record_kind::first) {
    if (from.assembled || bytes.size() < sizeof from.expected_bytes) return false;
    std::memcpy(&from.expected_bytes, bytes.data(), sizeof from.expected_bytes);
    if (from.expected_bytes > message_bytes_max) return false;
    bytes = bytes.subspan(sizeof from.expected_bytes);
    from.assembled = std::make_unique_for_overwrite<std::byte[]>(from.expected_bytes);
    from.assembled_bytes = 0;
  }
  if (!from.assembled || bytes.size() > from.expected_bytes - from.assembled_bytes) return false;
  std::memcpy(from.assembled.get() + from.assembled_bytes, bytes.data(), bytes.size());
  from.assembled_bytes += bytes.size();
  return header.kind() != record_kind::last || from.assembled_bytes == from.expected_bytes;
}

void inbox::cool_idle() {
  const std::uint64_t idle = hot_.size() <= hot_rings_few ? idle_turns_few : idle_turns_many;
  std::erase_if(hot_,
                [&](incoming* ring) { return turn_ - ring->last_seen > idle && cool(*ring); });
}

bool inbox::cool(incoming& ring) {
  const std::uint64_t bit = std::uint64_t{1} << ring.slot % 64;
  std::atomic<std::uint64_t>& news = own_.header().news[ring.slot / 64];
  news.fetch_and(~bit, std::memory_order_seq_cst);
  if (ring.ring.has_news()) {
    news.fetch_or(bit, std::memory_order_seq_cst);
    return false;
  }
  known_[ring.slot / 64] &= ~bit;
  ring.hot = false;
  return true;
}

bool inbox::rest() {
  std::erase_if(hot_, [&](incoming* ring) { return cool(*ring); });
  return hot_.empty() && !has_news();
}

bool inbox::has_news() const {
  for (std::uint32_t word = 0; word < news_words_; ++word) {
    if ((own_.header().news[word].load(std::memory_order_seq_cst) & ~known_[word]) != 0)
      return true;
  }
  return false;
}

std::size_t inbox::finish(wire::process_id ended, sink& to) {
  std::size_t delivered = 0;
  for (std::uint32_t slot = 0; slot < own_.slot_count(); ++slot) {
    if (own_.slot(slot).owner.load(std::memory_order_acquire) != ended.bits()) continue;
    incoming* const ring = adopt(slot);
    bool over = false;
    if (!ring->broken) delivered += drain(*ring, to, SIZE_MAX, over);
    ring->hot = false;
    std::erase(hot_, ring);
    free(slot);
  }
  return delivered;
}

void inbox::free(std::uint32_t slot) {
  rings_[slot].reset();
  slot_block& block = own_.slot(slot);
  own_.punch_region(slot);
  budget_.refund(block, block.charged_bytes.load());
  block.head.store(0);
  // The news first: once the slot is free, its next owner's bit must stay.
  const std::uint64_t bit = std::uint64_t{1} << slot % 64;
  own_.header().news[slot / 64].fetch_and(~bit);
  known_[slot / 64] &= ~bit;
  block.owner.store(0, std::memory_order_release);
}

}  // namespace mobula::ring
