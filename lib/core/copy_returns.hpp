#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/copy.hpp"
#include "core/copy_search.hpp"
#include "core/fetch_asker.hpp"
#include "core/local_pins.hpp"
#include "core/room_line.hpp"
#include "core/spilling.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Answers processes of the node that want to read a copy that is here: tells where in memory it
/// is, after bringing it back from disk if it has gone there.
class copy_returns {
 public:
  /// @param memory  gives the blocks that copies come back into
  copy_returns(wire::process_id self, block_store& memory, spilling& places, room_line& line,
               copy_search& searches, local_pins* pins, wire::outbox& out)
      : self_{self},
        memory_{memory},
        places_{places},
        line_{line},
        searches_{searches},
        pins_{pins},
        out_{out} {}

  void ask(const fetch_asker& who, copy& one, const wire::store_fetch& request);
  /// Its bytes have come, or can't be read: then `failure` says why.
  void came_back(copy& one, const std::string& failure);
  struct question {
    fetch_asker who;
    wire::store_fetch request;
  };
  /// Who has not been answered yet: the copy goes, since there is another elsewhere.
  std::vector<question> take_questions(const copy& offered);
  /// The copy is released.
  void gone(const copy& one, const wire::error_value& why);
  void on_process_ended(wire::process_id ended);
  /// Told of a copy that can't be read, before others are looked for.
  std::function<void(const copy& one)> on_unreadable;

 private:
  struct place_in_line {
    question what;
    std::uint64_t number = 0;
  };
  void leave_line(const fetch_asker& who, const copy& one);
  void serve(const question& asked, copy& one, const block_store::allocation& made);

  wire::process_id self_;
  block_store& memory_;
  spilling& places_;
  room_line& line_;
  copy_search& searches_;
  local_pins* pins_;
  wire::outbox& out_;
  std::unordered_map<const copy*, std::vector<question>> returning_;
  std::unordered_multimap<const copy*, place_in_line> in_line_;
};

}  // namespace mobula::core
