#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/argument_pins.hpp"
#include "core/attempt.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Brings stored arguments of tasks into the memory of this node, and pins them there when their
/// task begins.
///
/// What waits for its turn is not pinned, so that others get on: it may have to be brought back.
/// Then its arguments are asked for together and each is pinned when it comes.
class argument_fetcher {
 public:
  /// @param pins  null: blocks of this node are never moved
  argument_fetcher(wire::process_id self, argument_pins* pins, wire::outbox& out)
      : self_{self}, pins_{pins}, out_{out} {}

  /// Tokens of the executor's fetches have this bit, so that a process's other fetches, which
  /// leave it clear, are told apart.
  static constexpr std::uint64_t token_bit = std::uint64_t{1} << 63;
  static bool is_mine(std::uint64_t token) { return (token & token_bit) != 0; }

  /// Takes up what one.resolved names, and asks for what is on other nodes; `one.fetches_left` says
  /// how many answers are awaited. @param ahead  nobody waits for them yet
  void take(attempt& one, bool ahead);
  /// Nothing else is left to do: its arguments are urgent now.
  void hurry(attempt& one);

  enum class readiness : std::uint8_t {
    pinned,   // it can begin
    moved,    // not all of them are known to be in memory; nothing is pinned
    no_pins,  // this process has pinned as much as it can
  };
  readiness pin(attempt& one);
  /// Asks for all of them, to be pinned as they come.
  void bring_back(attempt& one);

  struct arrival {
    attempt* whose = nullptr;  // null: nobody waits for it any more
    const wire::resolved_argument* argument = nullptr;
  };
  /// What the answer is for. It may be asked for again: `fetches_left` counts it.
  arrival fetched(const wire::store_fetched& answer);
  /// Nobody waits for the fetches of `one` any more, or reads its arguments.
  void forget(attempt& one);

 private:
  struct awaited {
    attempt* whose = nullptr;
    std::size_t argument = 0;  // in attempt::stored
  };
  void ask(attempt& one, std::size_t argument, wire::fetch_urgency urgency);
  void send_question(std::uint64_t token, const wire::resolved_argument& argument,
                     wire::fetch_urgency urgency);
  argument_pins::answer pin(stored_argument& argument);
  void unpin(attempt& one);

  wire::process_id self_;
  argument_pins* pins_;
  wire::outbox& out_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, awaited> awaited_;
};

}  // namespace mobula::core
