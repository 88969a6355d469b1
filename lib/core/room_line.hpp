#pragma once

#include <cstdint>
#include <deque>
#include <functional>
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
  /// What is in use is looked at again so often.
  std::uint64_t look_again_ns = 10'000'000;
};

/// Those who want memory of a node's store, in the order in which they came.
///
/// Where there is none for the first of them, memory is made: what processes don't use of their
/// slabs is asked for; then what can leave leaves; then what is in use is waited for. Nobody
/// overtakes, so that who needs much gets it.
class room_line {
 public:
  room_line(room_table& rooms, kept_blocks& kept, evictor& leaving, wire::outbox& out,
            room_line_limits limits)
      : rooms_{rooms}, kept_{kept}, evictor_{leaving}, out_{out}, limits_{limits} {}

  struct want {
    wire::process_id whose;  // withdrawn with its end; may be none
    std::uint64_t size_bytes = 0;
    std::function<block_store::allocation()> take;
    /// Called once: with a block, or with the error that stands in its place.
    std::function<void(const block_store::allocation&)> taken;
  };
  /// @return its number, for `withdraw`; 0: it is over already
  std::uint64_t ask(want one);
  void withdraw(std::uint64_t number);
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

  /// What store_query's of a round carry.
  static constexpr std::uint64_t token = 0;
  std::size_t waiting() const { return line_.size(); }

 private:
  struct place {
    std::uint64_t number = 0;
    want what;
  };
  void pump();
  bool make_room(const block_store::allocation& refused);
  bool begin_round();
  void refuse(block_store::allocation refused);

  room_table& rooms_;
  kept_blocks& kept_;
  evictor& evictor_;
  wire::outbox& out_;
  room_line_limits limits_;
  std::deque<place> line_;
  std::uint64_t last_number_ = 0;
  std::set<wire::process_id> awaited_;  // of the round
  bool asked_holders_ = false;          // since something became free
  bool pumping_ = false;
  bool changed_ = false;  // the line, or what it waits for
  std::uint64_t releases_seen_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t patient_until_ns_ = 0;
  std::uint64_t look_at_ns_ = 0;  // 0: nothing to look at
};

}  // namespace mobula::core
