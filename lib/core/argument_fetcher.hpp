#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/attempt.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// Brings stored arguments that lie on other nodes to this one, before their task begins.
class argument_fetcher {
 public:
  argument_fetcher(wire::process_id self, wire::outbox& out) : self_{self}, out_{out} {}

  /// Tokens of the executor's fetches have this bit, so that a process's other fetches, which
  /// leave it clear, are told apart.
  static constexpr std::uint64_t token_bit = std::uint64_t{1} << 63;
  static bool is_mine(std::uint64_t token) { return (token & token_bit) != 0; }

  /// Asks for what is elsewhere; `one.fetches_left` says how many answers are awaited.
  void fetch(attempt& one);
  struct arrival {
    attempt* whose = nullptr;  // null: nobody waits for it any more
    const wire::resolved_argument* argument = nullptr;
  };
  /// What the answer is for. Unless it is an error, the place of the copy is written into the
  /// argument.
  arrival fetched(const wire::store_fetched& answer);
  /// Nobody waits for the fetches of `one` any more.
  void forget(attempt& one);

 private:
  struct awaited {
    attempt* whose = nullptr;
    std::size_t argument = 0;
  };
  wire::process_id self_;
  wire::outbox& out_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, awaited> awaited_;
};

}  // namespace mobula::core
