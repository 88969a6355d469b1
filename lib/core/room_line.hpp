#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "core/block_store.hpp"
#include "core/evictor.hpp"
#include "core/kept_blocks.hpp"
#include "core/room_table.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

struct room_line_limits {
  /// After so long without any memory becoming free the first in line hears that there is none.
  std::uint64_t patience_ns = 10'000'000'000;
  /// The same for what begins only when it has room: it holds nothing up, and those who run end.
  std::uint64_t patience_to_begin_ns = 600'000'000'000;
  /// What is in use is looked at again so often.
  std::uint64_t look_again_ns = 10'000'000;
};

/// Those who want memory of a node's store, in the order in which they came: first who runs, then
/// what waits to begin. Of the latter, what needs no memory stands in line too, so that a task that
/// waits for some of its arguments does not hold others that those before it wait for.
///
/// Where there is no memory for the first of them, it is made: what processes don't use of their
/// slabs is asked for; then what can leave leaves; then what is in use is waited for. Nobody
/// overtakes, so that who needs much gets it.
class room_line {
 public:
  room_line(room_table& rooms, kept_blocks& kept, evictor& leaving, wire::outbox& out,
            room_line_limits limits)
      : rooms_{rooms}, kept_{kept}, evictor_{leaving}, out_{out}, limits_{limits} {}

  enum class lane : std::uint8_t { running, to_begin };
  struct want {
    lane whence = lane::running;
    wire::process_id whose;  // withdrawn with its end; may be none
    std::uint64_t size_bytes = 0;
    std::uint64_t until_ns = 0;  // refused then, wherever it stands; 0: never
    std::function<block_store::allocation()> take;
    /// Called once: with a block, or with the error that stands in its place.
    std::function<void(const block_store::allocation&)> taken;
  };
  /// @return its number, for `withdraw`; 0: it is over already
  std::uint64_t ask(want one);
  void withdraw(std::uint64_t number);
  /// What was to make memory free has ended otherwise.
  void reconsider() {
    look_at_ns_ = 0;
    changed_ = true;
  }
  /// Serves those who can be served by now. After each turn of whatever could have freed memory or
  /// changed the line.
  void settle();

  /// A holder of slabs has given back what it could.
  void on_reply(wire::process_id from);
  /// After the room table has heard of it.
  void on_process_ended(wire::process_id ended);
  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

  /// Whether memory that can't be had now might become free by itself.
  std::function<bool()> may_come;
  /// Who holds what, in words, for who gets nothing.
  std::function<std::string()> holders;
  /// Told once when the first in line has waited for long, in words.
  std::function<void(const std::string&)> on_long_wait;

  /// What store_query's of a round carry.
  static constexpr std::uint64_t token = 0;
  std::size_t waiting() const { return lanes_[0].size() + lanes_[1].size(); }
  bool is_empty(lane which) const { return lanes_[static_cast<std::size_t>(which)].empty(); }

 private:
  struct place {
    std::uint64_t number = 0;
    want what;
  };
  using line = std::deque<place>;
  bool empty() const { return waiting() == 0; }
  line& first_lane() { return lanes_[lanes_[0].empty() ? 1 : 0]; }
  static void trim(line& one);
  want take_first();
  void begin_wait();
  void allow_round();
  void pump();
  bool make_room(const block_store::allocation& refused);
  bool begin_round();
  void refuse(block_store::allocation refused);
  void expire();

  room_table& rooms_;
  kept_blocks& kept_;
  evictor& evictor_;
  wire::outbox& out_;
  room_line_limits limits_;
  std::array<line, 2> lanes_;
  std::uint64_t last_number_ = 0;
  std::set<wire::process_id> awaited_;  // of the round
  bool asked_holders_ = false;          // since something became free
  std::uint64_t next_round_ns_ = 0;     // not before
  std::uint64_t answer_by_ns_ = 0;      // those who are asked
  std::uint64_t first_until_ns_ = 0;    // the earliest of those in line; 0: there is none
  std::optional<std::string> holders_text_;
  bool pumping_ = false;
  bool changed_ = false;  // the line, or what it waits for
  std::uint64_t releases_seen_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t waits_since_ns_ = 0;
  bool told_of_wait_ = false;
  std::uint64_t look_at_ns_ = 0;  // 0: nothing to look at
};

}  // namespace mobula::core
