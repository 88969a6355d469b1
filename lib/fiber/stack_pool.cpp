#include "fiber/stack_pool.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "fiber/sanitizers.hpp"
#include "wire/invariant.hpp"

namespace mobula::fiber {

namespace {

constexpr std::size_t stack_bytes_max = std::size_t{8} << 20;
constexpr std::size_t stack_bytes_min = std::size_t{128} << 10;
// More than a page: a function with a large frame must not step over it.
constexpr std::size_t guard_bytes = std::size_t{64} << 10;
constexpr std::size_t stacks_a_slab = 64;
// What one page of page tables spans.
constexpr std::size_t table_span = std::size_t{2} << 20;
// Tops at the same place in their pages would all want the same lines of the cache.
constexpr std::size_t colours = 8;
constexpr std::size_t colour_bytes = 192;

// <sys/mman.h> of the oldest system that we build on does not know it.
constexpr int madv_guard_install = 102;

std::size_t round_up(std::size_t size, std::size_t unit) { return (size + unit - 1) / unit * unit; }

std::size_t page_bytes() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

// The pages that hold the stack, the coloured end included.
std::size_t touched_bytes(const stack& one) { return round_up(one.size_bytes(), page_bytes()); }

}  // namespace

std::size_t default_stack_bytes() {
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return stack_bytes_max;
  return std::clamp(static_cast<std::size_t>(limit.rlim_cur), stack_bytes_min, stack_bytes_max);
}

stack_pool::stack_pool(std::size_t stack_bytes, guard_kind guards)
    : stack_bytes_{round_up(std::max(stack_bytes, stack_bytes_min), page_bytes())},
      guards_{guards} {}

stack_pool::~stack_pool() {
  wire::insist(in_use() == 0, "a stack pool ends after its fibers; in use:", in_use());
  for (const slab& one : slabs_) munmap(one.begin, one.size_bytes);
}

stack stack_pool::take() {
  if (idle_.empty() && !carve()) return {};
  const stack one = idle_.back();
  idle_.pop_back();
  return one;
}

void stack_pool::give_back(stack one) {
  // The frame of the idle loop, left there for good, has marked its surroundings. Not the whole
  // stack: the sanitizer's own memory for it would become resident.
  constexpr std::size_t loop_bytes = 4096;
  unpoison(one.top - loop_bytes, loop_bytes);
  idle_.push_back(one);
}

void stack_pool::trim() {
  for (const stack& one : idle_) madvise(one.bottom, touched_bytes(one), MADV_DONTNEED);
}

// Cuts the next stack off the last slab, below it its guard. In order, so that the slab's untouched
// end has no guards yet.
bool stack_pool::carve() {
  if (in_slab_ == stacks_a_slab || slabs_.empty()) {
    if (!reserve()) return false;
    in_slab_ = 0;
  }
  std::byte* const begin = slabs_.back().begin;
  // Halfway into a span: a stack's guard and the top of the one below then share a table.
  const auto misfit = reinterpret_cast<std::uintptr_t>(begin) % table_span;
  std::byte* const first = begin + (table_span + table_span / 2 - misfit) % table_span;
  std::byte* const guard = first + in_slab_ * (stack_bytes_ + guard_bytes);
  if (!install_guard(guard)) return false;
  std::byte* const bottom = guard + guard_bytes;
  const std::size_t colour = reserved_ % colours * colour_bytes;
  ++in_slab_;
  ++reserved_;
  idle_.push_back({bottom, bottom + stack_bytes_ - colour});
  return true;
}

bool stack_pool::reserve() {
  const std::size_t size = stacks_a_slab * (stack_bytes_ + guard_bytes) + table_span;
  void* const begin = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (begin == MAP_FAILED) return false;
  // One touched page must not become two megabytes. Kernels without huge pages refuse: fine.
  madvise(begin, size, MADV_NOHUGEPAGE);
  slabs_.push_back({static_cast<std::byte*>(begin), size});
  return true;
}

bool stack_pool::install_guard(std::byte* at) {
  if (guards_ == guard_kind::automatic) {
    if (madvise(at, guard_bytes, madv_guard_install) == 0) return true;
    guards_ = guard_kind::protect;  // an older kernel, or locked memory (mlockall)
  }
  return mprotect(at, guard_bytes, PROT_NONE) == 0;
}

}  // namespace mobula::fiber
