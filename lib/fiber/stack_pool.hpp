#pragma once

#include <cstddef>
#include <vector>

namespace mobula::fiber {

/// The shell's stack limit (`ulimit -s`), but at most 8 MiB; 8 MiB where there is no limit.
std::size_t default_stack_bytes();

/// One stack: it grows down from `top` to `bottom`. Below `bottom` lies its guard.
struct stack {
  std::byte* bottom = nullptr;
  std::byte* top = nullptr;
  std::size_t size_bytes() const { return static_cast<std::size_t>(top - bottom); }
  explicit operator bool() const { return top != nullptr; }
};

/// How the memory below a stack is made to crash who runs into it.
enum class guard_kind {
  automatic,  // MADV_GUARD_INSTALL where the kernel has it (Linux 6.13), else as below
  protect,    // mprotect: costs two of the process's memory maps for each stack (65,530 in all)
};

/// Stacks for fibers: reserved in slabs, touched on use, kept for the next fiber.
///
/// A stack costs address space until it is used; then the pages that were touched, and one page of
/// page tables. Not thread-safe: each thread that runs fibers has a pool.
class stack_pool {
 public:
  explicit stack_pool(std::size_t stack_bytes = default_stack_bytes(),
                      guard_kind guards = guard_kind::automatic);
  /// Every stack must have been given back.
  ~stack_pool();
  stack_pool(const stack_pool&) = delete;
  stack_pool& operator=(const stack_pool&) = delete;

  /// A stack, or an empty one if the process can have no more memory or maps.
  stack take();
  void give_back(stack one);
  /// Returns the memory that unused stacks have touched to the system. Their addresses stay.
  void trim();

  std::size_t stack_bytes() const { return stack_bytes_; }
  std::size_t in_use() const { return reserved_ - idle_.size(); }
  std::size_t reserved() const { return reserved_; }
  /// Whether the last stack's guard needed mprotect.
  bool guards_by_protect() const { return guards_ == guard_kind::protect; }

 private:
  struct slab {
    std::byte* begin = nullptr;
    std::size_t size_bytes = 0;
  };
  bool reserve();
  bool carve();
  bool install_guard(std::byte* at);

  std::size_t stack_bytes_;  // with the guard: the distance between two stacks
  guard_kind guards_;
  std::size_t reserved_ = 0;
  std::size_t in_slab_ = 0;  // stacks of the last slab that were carved
  std::vector<slab> slabs_;
  std::vector<stack> idle_;
};

}  // namespace mobula::fiber
