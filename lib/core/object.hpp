#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

struct object;

/// Waits for one object. Intrusive: the waiter stays where it is until it is told or withdrawn.
class waiter {
 public:
  waiter() = default;
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

 protected:
  ~waiter() = default;

 private:
  friend class waiter_list;
  /// The object is ready or failed. Called once, under the process's lock; may call the owner.
  virtual void on_ready(object& ready) = 0;
  waiter* next_ = nullptr;
  waiter* previous_ = nullptr;
};

/// The waiters of one object, told in the order in which they came.
class waiter_list {
 public:
  bool empty() const { return first_ == nullptr; }
  void add(waiter& one);
  void remove(waiter& one);
  /// Takes all out and tells each.
  void tell(object& ready);

 private:
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

enum class object_state : std::uint8_t {
  pending,  // not made yet, or not known here
  inlined,  // bytes() is its value
  stored,   // where() tells where a copy is; its bytes come from a store
  failed,   // bytes() is an encoded error_value
};

}  // namespace mobula::core
