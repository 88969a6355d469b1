#pragma once

#include <cstdint>
#include <optional>

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

struct arena_answer {
  wire::process_id process;
  descriptor_answer memory;
};

/// Where a port gets the arenas of its node's other processes from: the broker, near or far. Never
/// blocks.
class arena_source {
 public:
  virtual void ask_arena(wire::process_id process) = 0;
  /// One answer for each question, in their order; nothing: none has come yet.
  virtual std::optional<arena_answer> next_arena() = 0;

 protected:
  ~arena_source() = default;
};

}  // namespace mobula::ring
