#pragma once

#include <cstdint>

#include "transport/ring/descriptor.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

enum class answer_kind : std::uint8_t {
  found = 1,
  unknown,  // never joined this node, has ended, or no such thing
};

/// A descriptor that was asked for by name.
struct descriptor_answer {
  answer_kind kind = answer_kind::unknown;
  descriptor found;
};

/// Where a port gets the arenas of its node's other processes from: the broker, near or far.
class arena_source {
 public:
  /// May wait a moment for the scheduler, which always answers at once; never for anybody else.
  virtual descriptor_answer arena_of(wire::process_id process) = 0;

 protected:
  ~arena_source() = default;
};

}  // namespace mobula::ring
