#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "transport/ring/arena.hpp"
#include "transport/ring/budget.hpp"
#include "transport/ring/consumer.hpp"
#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// The rings that end in this process, and which of them to look at.
///
/// Bit set in the arena's news means: the receiver looks at this ring by itself (it is hot), so its
/// producer need not touch anything but the ring. A ring without messages for a while cools: its
/// bit is cleared, and it is looked at once more. That clearing and look, and the producer's
/// publishing and look at the bit, are sequentially consistent: at least one sees the other.
class inbox {
 public:
  class sink {
   public:
    virtual void on_record(wire::process_id from, bool forwarded, wire::blob message) = 0;

   protected:
    ~sink() = default;
  };

  inbox(arena& own, arena_header& node);

  /// Whether a poll would find nothing to do. Counts as one, and costs a few loads.
  bool quiet() {
    if (++turn_ - cooled_ >= turns_between_cooling) return false;
    for (std::uint32_t word = 0; word < news_words_; ++word) {
      const auto news = own_.header().news[word].load(std::memory_order_acquire);
      if ((news & ~known_[word]) != 0) return false;
    }
    for (const incoming* one : hot_) {
      if (one->ring.has_news()) return false;
    }
    return true;
  }
  /// Delivers up to `limit` messages. Returns how many.
  std::size_t poll(sink& to, std::size_t limit);
  /// Delivers all that a process has left that will send no more, and frees its slots.
  std::size_t finish(wire::process_id ended, sink& to);

  /// Cools every ring. False: there is something to poll.
  bool rest();
  /// A ring that is not hot has news.
  bool has_news() const;

  std::uint64_t garbled() const { return garbled_; }
  std::size_t hot_rings() const { return hot_.size(); }

 private:
  static constexpr std::uint64_t turns_between_cooling = 256;

  struct incoming {
    incoming(std::uint32_t slot_index, wire::process_id sender, consumer end)
        : slot{slot_index}, from{sender}, ring{end} {}

    std::uint32_t slot;
    wire::process_id from;
    consumer ring;
    bool hot = false;
    bool broken = false;
    std::uint64_t last_seen = 0;
    // A message that comes in fragments.
    std::unique_ptr<std::byte[]> assembled;
    std::uint64_t assembled_bytes = 0;
    std::uint64_t expected_bytes = 0;
  };
  struct drained;

  void adopt_news();
  incoming* adopt(std::uint32_t slot);
  wire::process_id owner_of(std::uint32_t slot);
  std::size_t drain(incoming& from, sink& to, std::size_t limit, bool& over);
  bool on_fragment(incoming& from, record_header header, wire::blob bytes);
  void cool_idle();
  bool cool(incoming& ring);
  void free(std::uint32_t slot);

  arena& own_;
  budget budget_;
  std::uint32_t news_words_;
  std::array<std::uint64_t, slots_of_scheduler / 64> known_{};
  std::vector<std::unique_ptr<incoming>> rings_;  // by slot
  std::vector<incoming*> hot_;
  std::size_t turn_ = 0;
  std::size_t cooled_ = 0;  // the turn of the last look for idle rings
  std::uint64_t garbled_ = 0;
};

}  // namespace mobula::ring
