#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "transport/ring/arena_source.hpp"
#include "transport/ring/socket.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// A process's connection to its node's broker. Each question waits for its answer, which the
/// scheduler gives at once. Thread-safe.
class broker_client {
 public:
  struct welcome {
    descriptor scheduler_memory;
    descriptor scheduler_event;
    std::string refused;  // empty, or why not, in a sentence
  };

  explicit broker_client(std::uint64_t job_token) : job_token_{job_token} {}

  /// Connects and joins as `self` with its arena.
  welcome join(std::string_view broker_name, wire::process_id self, int own_memory);

  /// The descriptor that the scheduler published under this number.
  descriptor_answer named(std::uint64_t number);

  /// Readable once the scheduler has gone (answers come only to questions).
  int socket() const { return socket_.number(); }

 private:
  std::uint64_t job_token_;
  std::mutex one_question_;
  descriptor socket_;
};

}  // namespace mobula::ring
