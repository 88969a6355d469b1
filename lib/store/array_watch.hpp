#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::store {

/// Looks, in debug builds, whether arrays are still what they were when they were given away: as
/// they are freed, and as other nodes ask for them. Only those that nothing protects have a seal by
/// which that can be told: those below protected_bytes_min (see mapper).
class array_watch {
 public:
  /// All of an extent's memory; empty: there is none of that number.
  using extent_source = std::function<std::span<const std::byte>(std::uint32_t extent)>;

  array_watch(wire::node_id node, extent_source extents)
      : node_{node}, extents_{std::move(extents)} {}

  /// A message to the node's scheduler, before that acts on it. @returns what there is to say of
  /// the array that it is about, once; empty: nothing
  std::string look(wire::blob message);

 private:
  std::string look_at(wire::object_id object, const wire::location& where, const char* when);

  wire::node_id node_;
  extent_source extents_;
  wire::object_id last_;  // said of this one already
};

}  // namespace mobula::store
