#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "transport/ring/arena.hpp"
#include "transport/ring/arena_client.hpp"
#include "transport/ring/broker_client.hpp"
#include "transport/ring/port.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// A process that has joined its node: its arena, its broker and its port.
class member {
 public:
  /// Joins. Null if that isn't possible; then `refused` says why in a sentence.
  static std::unique_ptr<member> join(std::string_view broker_name, std::uint64_t job_token,
                                      wire::process_id self, std::string& refused);

  ring::port& port() { return *port_; }
  broker_client& broker() { return broker_; }

 private:
  member(std::uint64_t job_token, wire::process_id self)
      : arena_{self, slots_of_process}, broker_{job_token}, arenas_{job_token, self} {}

  arena arena_;
  broker_client broker_;
  arena_client arenas_;
  std::unique_ptr<ring::port> port_;
};

}  // namespace mobula::ring
