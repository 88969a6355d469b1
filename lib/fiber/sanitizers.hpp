#pragma once

#include <cstddef>

// What AddressSanitizer and ThreadSanitizer want to hear about switches. Nothing in other builds.

#if defined(__SANITIZE_ADDRESS__)
#define MOBULA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MOBULA_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define MOBULA_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MOBULA_TSAN 1
#endif
#endif

#if defined(MOBULA_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(MOBULA_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace mobula::fiber {

inline void unpoison([[maybe_unused]] const void* begin, [[maybe_unused]] std::size_t size) {
#if defined(MOBULA_ASAN)
  __asan_unpoison_memory_region(begin, size);
#endif
}

/// One side of a switch, as the sanitizers know it: a fiber, or the loop of a thread.
class sanitizer_side {
 public:
  /// Makes this the side of a new fiber on that stack.
  void create([[maybe_unused]] const void* bottom, [[maybe_unused]] std::size_t size) {
#if defined(MOBULA_ASAN)
    bottom_ = bottom;
    size_ = size;
#endif
#if defined(MOBULA_TSAN)
    tsan_ = __tsan_create_fiber(0);
#endif
  }
  void destroy() {
#if defined(MOBULA_TSAN)
    __tsan_destroy_fiber(tsan_);
#endif
  }
  /// Just before a jump from this side to `to`. Inlined even where nothing is optimised: a function
  /// is entered and left on one side for TSan.
  [[gnu::always_inline]] void leave([[maybe_unused]] sanitizer_side& to) {
#if defined(MOBULA_ASAN)
    __sanitizer_start_switch_fiber(&fake_, to.bottom_, to.size_);
#endif
#if defined(MOBULA_TSAN)
    if (!tsan_) tsan_ = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to.tsan_, 0);
#endif
  }
  /// Just after a jump to this side; fills in where `from` has its stack.
  [[gnu::always_inline]] void arrive([[maybe_unused]] sanitizer_side& from) {
#if defined(MOBULA_ASAN)
    __sanitizer_finish_switch_fiber(fake_, &from.bottom_, &from.size_);
#endif
  }

 private:
#if defined(MOBULA_ASAN)
  void* fake_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
#endif
#if defined(MOBULA_TSAN)
  void* tsan_ = nullptr;
#endif
};

}  // namespace mobula::fiber
