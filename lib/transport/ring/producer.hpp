#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "transport/ring/layout.hpp"

namespace mobula::ring {

/// The writing end of a ring.
///
/// Behind the last record there is always a header word of 0, on which the consumer waits. Records
/// are written behind it and become visible together, when that word is replaced, last: so one that
/// dies at any moment leaves nothing half written to be seen, and the consumer of a small message
/// fetches one cache line.
class producer {
 public:
  /// @param region  the slot's region, zeros
  producer(std::byte* region, slot_block& slot) : region_{region}, segment_{region}, slot_{&slot} {}

  /// Room for a record, or null while the ring is too full. Ends with `commit`.
  /// @param size  at most record_bytes_max()
  std::byte* reserve(std::size_t size) {
    const std::size_t record = record_bytes(size);
    const std::size_t to_end = capacity_ - offset(position_);
    const std::size_t skipped = record > to_end ? to_end : 0;
    if (!has_room(skipped + record + record_header_bytes)) return nullptr;
    if (skipped != 0) {
      put_header(record_header{record_kind::wrap, false, 0});
      position_ += skipped;
    }
    reserved_ = size;
    return segment_ + offset(position_) + record_header_bytes;
  }

  void commit(record_kind kind, bool forwarded) {
    const record_header header{kind, forwarded, static_cast<std::uint32_t>(reserved_)};
    const std::uint64_t next = position_ + record_bytes(reserved_);
    word_at(next).store(0, std::memory_order_relaxed);
    put_header(header);
    position_ = next;
  }

  /// Makes everything committed visible. False: there was nothing.
  bool publish() {
    if (first_hidden_ == nullptr) return false;
    // Sequentially consistent with the look at the news that follows: see inbox.
    first_hidden_->store(first_hidden_word_, std::memory_order_seq_cst);
    first_hidden_ = nullptr;
    published_ = position_;
    fetch_ahead();
    return true;
  }

  bool can_grow() const { return index_ + 1 < segment_count; }
  std::size_t next_segment_bytes() const { return segment_bytes(index_ + 1); }
  /// Goes on in the next segment, which is zeros. Its marker needs no room: it replaces the 0.
  void grow() {
    put_header(record_header{record_kind::next_segment, false, 0});
    position_ += record_header_bytes;
    ++index_;
    segment_ = region_ + segment_offset(index_);
    capacity_ = segment_bytes(index_);
    base_ = position_;
  }
  /// The last record of this ring. It needs no room either.
  void give_up() {
    put_header(record_header{record_kind::give_up, false, 0});
    position_ += record_header_bytes;
  }

  /// A larger message travels in fragments, so that a ring holds a few records at least.
  std::size_t record_bytes_max() const { return capacity_ / 4 - record_header_bytes; }
  std::size_t hidden_bytes() const { return static_cast<std::size_t>(position_ - published_); }
  std::size_t capacity() const { return capacity_; }
  /// Bytes written in the ring's life.
  std::uint64_t position() const { return position_; }
  /// The consumer has read everything.
  bool drained() const { return slot_->head.load(std::memory_order_acquire) == position_; }

 private:
  using word = std::atomic<std::uint64_t>;

  std::size_t offset(std::uint64_t position) const {
    return static_cast<std::size_t>(position - base_) & (capacity_ - 1);
  }
  /// Brings here, while there is time, what the next records are written to: the consumer has read
  /// it last. Not the line of the next header, on which the consumer waits, nor for records of a
  /// line or so, which the consumer's hardware would only fetch back.
  void fetch_ahead() {
#ifdef __x86_64__
    const std::size_t record = record_bytes(reserved_);
    if (record < 2 * line_bytes) return;
    const std::size_t ahead = std::min(record, lines_ahead * line_bytes);
    for (std::size_t next = line_bytes; next <= ahead; next += line_bytes) {
      const std::byte* at = segment_ + offset(position_ + next);
      // Where a processor does not know it, it does nothing.
      asm volatile("prefetchw %0" : : "m"(*at));
    }
#endif
  }
  word& word_at(std::uint64_t position) {
    return *reinterpret_cast<word*>(segment_ + offset(position));
  }
  bool has_room(std::size_t wanted) {
    if (used() + wanted <= capacity_) return true;
    head_ = slot_->head.load(std::memory_order_acquire);
    return used() + wanted <= capacity_;
  }
  // While the consumer is still in an older segment, nothing of this one has been read.
  std::size_t used() const { return static_cast<std::size_t>(position_ - std::max(head_, base_)); }
  void put_header(record_header header) {
    if (first_hidden_ != nullptr) {
      word_at(position_).store(header.word(), std::memory_order_relaxed);
    } else {
      first_hidden_ = &word_at(position_);
      first_hidden_word_ = header.word();
    }
  }

  static constexpr std::size_t lines_ahead = 3;

  std::byte* region_;
  std::byte* segment_;
  slot_block* slot_;
  std::size_t capacity_ = segment_bytes(0);
  unsigned index_ = 0;
  std::size_t reserved_ = 0;
  // Positions count all bytes of the ring's life; base_ is where the current segment began.
  std::uint64_t position_ = 0;
  std::uint64_t published_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t head_ = 0;
  word* first_hidden_ = nullptr;
  std::uint64_t first_hidden_word_ = 0;
};

}  // namespace mobula::ring
