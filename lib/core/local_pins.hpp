#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "wire/ids.hpp"

namespace mobula::core {

/// Which blocks of a node's store its processes are reading. They show it in shared memory.
class local_pins {
 public:
  /// Takes note of what is pinned now. Whoever pins a block that it had heard of before, and is not
  /// seen, sees that somebody has looked, and asks where the block is.
  virtual void look() = 0;
  /// How often that was done.
  virtual std::uint64_t looks() const = 0;
  /// As of the last look.
  virtual bool is_pinned(const wire::location& block) const = 0;
  /// Who pins a block, once for each time.
  using lookup = std::function<std::vector<wire::process_id>(const wire::location& block)>;
  /// Of what is pinned now. For reports: goes through all pins.
  virtual lookup readers() const = 0;

 protected:
  ~local_pins() = default;
};

}  // namespace mobula::core
