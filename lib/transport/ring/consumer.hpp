#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "transport/ring/layout.hpp"
#include "wire/bytes.hpp"

namespace mobula::ring {

enum class drain_end : std::uint8_t {
  empty,    // everything published was read
  limit,    // as many records as were wanted
  gave_up,  // the producer has left: the slot can be freed
  broken,   // what stands there is no record: the ring must not be read any more
};

/// The reading end of a ring. Never writes to the records.
class consumer {
 public:
  consumer(std::byte* region, slot_block& slot) : region_{region}, segment_{region}, slot_{&slot} {}

  /// Something is there to be read. Sequentially consistent: see inbox.
  bool has_news() const { return next().load(std::memory_order_seq_cst) != 0; }

  /// Reads up to `limit` records.
  /// @param handler  called with on_record(record_header, wire::blob), whose bytes are the ring's
  ///                 and gone afterwards, and on_segment_left(index), for memory to be given back
  /// @param read     grows by the number of records
  template <class Handler>
  drain_end drain(Handler&& handler, std::size_t limit, std::size_t& read) {
    drain_end end = drain_end::empty;
    for (;;) {
      const record_header header{next().load(std::memory_order_acquire)};
      if (header.word() == 0) break;
      if (limit == 0) {
        end = drain_end::limit;
        break;
      }
      if (header.kind() >= record_kind::message && header.kind() <= record_kind::last) {
        const std::size_t at = offset();
        const std::size_t record = record_bytes(header.size());
        if (record > capacity_ - at) {
          end = drain_end::broken;
          break;
        }
        fetch_rest(at, record);
        handler.on_record(header, wire::blob{segment_ + at + record_header_bytes, header.size()});
        position_ += record;
        --limit;
        ++read;
        // Not for each record: the producer's look at it would cost a cache miss each.
        if (position_ - shown_ >= capacity_ / 4) show_head();
      } else if (end = follow(header.kind(), handler); end != drain_end::empty) {
        break;
      }
    }
    if (position_ != shown_) show_head();
    return end;
  }

 private:
  using word = std::atomic<std::uint64_t>;

  std::size_t offset() const {
    return static_cast<std::size_t>(position_ - base_) & (capacity_ - 1);
  }
  /// The lines of a small record come together, not one after the other.
  void fetch_rest(std::size_t at, std::size_t record) const {
    for (std::size_t i = line_bytes; i < record && i <= lines_fetched * line_bytes; i += line_bytes)
      __builtin_prefetch(segment_ + at + i);
  }
  const word& next() const { return *reinterpret_cast<const word*>(segment_ + offset()); }
  void show_head() {
    slot_->head.store(position_, std::memory_order_release);
    shown_ = position_;
  }

  template <class Handler>
  drain_end follow(record_kind kind, Handler& handler) {
    switch (kind) {
      case record_kind::wrap:
        position_ += capacity_ - offset();
        return drain_end::empty;
      case record_kind::next_segment:
        if (index_ + 1 == segment_count) return drain_end::broken;
        position_ += record_header_bytes;
        handler.on_segment_left(index_);
        ++index_;
        segment_ = region_ + segment_offset(index_);
        capacity_ = segment_bytes(index_);
        base_ = position_;
        return drain_end::empty;
      case record_kind::give_up:
        position_ += record_header_bytes;
        return drain_end::gave_up;
      default:
        return drain_end::broken;
    }
  }

  static constexpr std::size_t lines_fetched = 3;

  std::byte* region_;
  std::byte* segment_;
  slot_block* slot_;
  std::size_t capacity_ = segment_bytes(0);
  unsigned index_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t base_ = 0;
  std::uint64_t shown_ = 0;
};

}  // namespace mobula::ring
