#pragma once

#include <utility>

#include "simulation/value.hpp"

namespace mobula::core {
struct object;
}

namespace mobula::sim {

class peer;

/// A counted ref in a simulated process, with what its object should be.
class ref {
 public:
  ref() = default;
  /// Takes over one count.
  ref(peer& home, core::object& record, label expected)
      : home_{&home}, record_{&record}, expected_{expected} {}
  ref(const ref& other);
  ref(ref&& other) noexcept { swap(other); }
  ref& operator=(ref other) noexcept {
    swap(other);
    return *this;
  }
  ~ref();

  explicit operator bool() const { return record_ != nullptr; }
  core::object& record() const { return *record_; }
  label expected() const { return expected_; }
  wire::object_id id() const;
  written_ref written() const { return {id(), expected_}; }
  void drop() { *this = ref{}; }

 private:
  void swap(ref& other) noexcept {
    std::swap(home_, other.home_);
    std::swap(record_, other.record_);
    std::swap(expected_, other.expected_);
  }
  peer* home_ = nullptr;
  core::object* record_ = nullptr;
  label expected_ = 0;
};

}  // namespace mobula::sim
