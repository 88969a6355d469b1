#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/copy.hpp"
#include "core/fetch_asker.hpp"
#include "core/local_pins.hpp"
#include "core/room_line.hpp"
#include "core/spilling.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// Answers processes of the node that want to read a copy that is here: tells where in memory it
/// is, after bringing it back from disk if it has gone there.
class copy_returns {
 public:
  /// @param memory  gives the blocks that copies come back into
  copy_returns(wire::process_id self, block_store& memory, spilling& places, room_line& line,
               local_pins* pins, wire::outbox& out)
      : self_{self}, memory_{memory}, places_{places}, line_{line}, pins_{pins}, out_{out} {}

  void ask(const fetch_asker& who, copy& one);
  /// Its bytes have come, or can't be read: then `failure` says why.
  void came_back(copy& one, const std::string& failure);
  /// The copy is released.
  void gone(const copy& one, const wire::error_value& why);
  void on_process_ended(wire::process_id ended);

 private:
  struct waiting {
    std::vector<fetch_asker> askers;
    std::uint64_t in_line = 0;  // while it waits for memory
  };

  wire::process_id self_;
  block_store& memory_;
  spilling& places_;
  room_line& line_;
  local_pins* pins_;
  wire::outbox& out_;
  std::unordered_map<const copy*, waiting> waiting_;
};

}  // namespace mobula::core
