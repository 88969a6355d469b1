#pragma once

#include <cstdint>

#include "core/copy.hpp"
#include "core/local_pins.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// A process of this node that waits for an object, and what its answer carries.
struct fetch_asker {
  wire::process_id process;
  std::uint64_t token = 0;
  std::uint32_t tries = 0;  // places that its owner named after one had failed
  bool operator==(const fetch_asker& other) const {
    return process == other.process && token == other.token;
  }
};

/// The answer to a store_fetch: the copy is in memory. @param pins  null: nobody reads in place
void tell_fetched(wire::outbox& out, const fetch_asker& who, const copy& here,
                  const local_pins* pins);
/// The answer to one that can't be served.
void refuse_fetch(wire::outbox& out, const fetch_asker& who, const wire::error_value& error);

}  // namespace mobula::core
