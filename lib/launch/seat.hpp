#pragma once

#include <cstdint>

#include "launch/child.hpp"
#include "launch/seat_door.hpp"

namespace mobula::launch {

enum class seat_end : std::uint8_t {
  dismissed,        // the scheduler said that all is done
  scheduler_ended,  // it went without a word
};

/// What a rank does that is not its node's first: joins its scheduler, starts children as it says,
/// tells it of their ends, and sleeps otherwise. Returns when the scheduler dismisses it or is
/// gone; its children have ended by then.
/// @throws start_error if the scheduler can't be reached
seat_end serve_seat(const seat_address& at, std::uint32_t rank, child_recipe common);

}  // namespace mobula::launch
