#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "fiber/fiber.hpp"
#include "fiber/stack_pool.hpp"

namespace mobula::fiber {

/// Idle fibers of one thread, kept for the next functions. Not thread-safe.
class fiber_pool {
 public:
  explicit fiber_pool(std::size_t stack_bytes = default_stack_bytes()) : stacks_{stack_bytes} {}

  /// An idle fiber, the last one given back (its stack is warm) or a new one; null if the process
  /// can have no more stacks. The pool outlives it.
  std::unique_ptr<fiber> take() {
    if (idle_.empty()) return fiber::make(stacks_);
    std::unique_ptr<fiber> warm = std::move(idle_.back());
    idle_.pop_back();
    return warm;
  }
  /// Takes back a fiber whose function has ended.
  void give_back(std::unique_ptr<fiber> idle) { idle_.push_back(std::move(idle)); }
  /// Returns the memory of idle fibers to the system: for a process that goes to a long sleep.
  void trim() {
    idle_.clear();
    stacks_.trim();
  }

  std::size_t in_use() const { return stacks_.in_use() - idle_.size(); }

 private:
  stack_pool stacks_;  // first: outlives the fibers
  std::vector<std::unique_ptr<fiber>> idle_;
};

}  // namespace mobula::fiber
