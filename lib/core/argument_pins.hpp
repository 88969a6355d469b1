#pragma once

#include <cstdint>
#include <optional>

#include "wire/ids.hpp"

namespace mobula::core {

/// Keeps blocks of the node's store where they are while tasks of this process read them.
class argument_pins {
 public:
  struct answer {
    std::optional<std::uint32_t> pin;
    bool full = false;  // there is no pin left; otherwise none means that blocks have been moved
  };
  /// @param as_of  when the place was right, as in store_fetched; 0: before blocks were ever moved
  virtual answer pin(const wire::location& place, std::uint64_t as_of) = 0;
  virtual void unpin(std::uint32_t pin) = 0;
  /// Next to which the memory is best of what those tasks read.
  virtual wire::numa_node numa_node() const { return wire::any_numa_node; }

 protected:
  ~argument_pins() = default;
};

}  // namespace mobula::core
