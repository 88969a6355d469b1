#pragma once

#include "core/object.hpp"
#include "mobula/detail/backend.hpp"

namespace mobula::detail {

// The public headers know a record only as an opaque `object`: it is core's.

inline core::object& record_of(const object* opaque) {
  return *reinterpret_cast<core::object*>(const_cast<object*>(opaque));
}
inline object* opaque(core::object& record) { return reinterpret_cast<object*>(&record); }

}  // namespace mobula::detail
