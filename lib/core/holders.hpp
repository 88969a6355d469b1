#pragma once

#include <string>

#include "core/local_pins.hpp"
#include "core/pin_table.hpp"
#include "core/room_table.hpp"
#include "core/spilling.hpp"

namespace mobula::core {

/// Who holds a node's memory, in words, for who gets none: which processes read or write there,
/// what other nodes read, and why the rest does not leave.
/// @param pins     null: nobody reads in place
/// @param no_disk  why nothing goes to disk; empty: it does
std::string who_holds(const room_table& rooms, const spilling& places, const pin_table& lent,
                      const local_pins* pins, const std::string& no_disk);

}  // namespace mobula::core
