#pragma once

#include <cstdint>
#include <deque>
#include <set>

#include "core/room_table.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Those who ask for room in a node's store. Where there is none, all who hold slabs are asked to
/// give back what they don't use; until they have answered, or ended, everybody waits in line.
class room_requests {
 public:
  room_requests(room_table& rooms, wire::outbox& out) : rooms_{rooms}, out_{out} {}

  /// Answers with store_grant, now or after a round.
  void ask(wire::process_id from, const wire::store_allocate& request);
  /// A holder has given back what it could.
  void on_reply(wire::process_id from);
  /// After the room table has heard of it.
  void on_process_ended(wire::process_id ended);

  /// What store_query's of a round carry.
  static constexpr std::uint64_t token = 0;
  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct request {
    wire::process_id from;
    wire::store_allocate what;
  };
  bool grant(const request& one, bool last_try);
  void begin_round();
  void end_round();

  room_table& rooms_;
  wire::outbox& out_;
  std::deque<request> waiting_;
  std::set<wire::process_id> awaited_;  // of the round
};

}  // namespace mobula::core
