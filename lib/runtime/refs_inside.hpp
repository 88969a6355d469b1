#pragma once

#include <vector>

#include "mobula/detail/backend.hpp"
#include "runtime/casts.hpp"

namespace mobula::detail {

/// The records of the refs that were written into a value.
class refs_inside {
 public:
  explicit refs_inside(const encoder& value) {
    for (const handle& ref : value.refs()) records_.push_back(&record_of(ref.get()));
  }
  std::span<core::object* const> records() const { return records_; }

 private:
  std::vector<core::object*> records_;
};

}  // namespace mobula::detail
