#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "transport/ring/arena_source.hpp"
#include "transport/ring/descriptor.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// A port's questions to the broker in its scheduler's process, which wakes it with the answer. On
/// a connection of its own, so that nobody waits for the answers to others. Not thread-safe.
class arena_client final : public arena_source {
 public:
  arena_client(std::uint64_t job_token, wire::process_id self)
      : job_token_{job_token}, self_{self} {}

  /// Before the first question. False (errno tells why): can't reach it.
  [[nodiscard]] bool connect(std::string_view broker_name);

  void ask_arena(wire::process_id process) override;
  std::optional<arena_answer> next_arena() override;

 private:
  void send_questions();

  std::uint64_t job_token_;
  wire::process_id self_;
  descriptor socket_;
  std::deque<wire::process_id> asked_;  // not answered; the last ones perhaps not sent
  std::size_t unsent_ = 0;
};

}  // namespace mobula::ring
