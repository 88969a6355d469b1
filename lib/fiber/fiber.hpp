#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <memory>
#include <utility>

#include "fiber/sanitizers.hpp"
#include "fiber/stack_pool.hpp"
#include "wire/invariant.hpp"

namespace mobula::fiber {

/// Runs functions on a stack of its own, one after the other; each may stop midway and go on later.
///
///     idle --start--> running --the function returns--> idle
///                     running --suspend--> suspended --resume--> running
///
/// `start` and `resume` are called from a thread's loop (not from a fiber) and return when the
/// function suspends or ends. A fiber belongs to the thread that first starts it: it never runs on
/// another. errno, the exceptions being handled and thrown, and the floating-point modes are kept
/// for each side. An exception that leaves the function ends the program.
///
/// Built on Boost.Context's fcontext, not on its boost::context::fiber: that one makes its context
/// by a jump and ends it by unwinding through its own entry function, neither of which the
/// sanitizers could be told about. Here a context is a loop that runs whatever `start` hands it and
/// is simply left when the fiber goes, so that neither start nor end costs more than the jumps.
class fiber {
 public:
  using body = void (*)(void* argument);

  /// A fiber with a stack from `stacks`, which outlives it; null if there is no stack to be had.
  static std::unique_ptr<fiber> make(stack_pool& stacks);
  /// Idle ones only: what a suspended function holds can't be released from outside.
  ~fiber();
  fiber(const fiber&) = delete;
  fiber& operator=(const fiber&) = delete;

  /// Runs `run(argument)`. @returns whether it ended; otherwise it is suspended
  bool start(body run, void* argument);
  /// Goes on behind the function's `suspend`. @returns whether it ended
  bool resume();
  /// From a function on a fiber: back to the loop, until somebody resumes.
  static void suspend();
  /// The fiber that the caller runs on; null on a thread's own stack.
  static fiber* current() noexcept;

  bool idle() const { return state_ == state::idle; }
  bool suspended() const { return state_ == state::suspended; }
  std::size_t stack_bytes() const { return stack_.size_bytes(); }

 private:
  enum class state : unsigned char { idle, running, suspended };

  /// What the C++ runtime keeps for each thread about exceptions: the ABI's __cxa_eh_globals.
  /// Without saving it a switch inside a catch block delivers another fiber's exception.
  struct exception_globals {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  /// What a fiber needs of the thread that it belongs to: found once, not at every switch.
  struct home {
    fiber** current = nullptr;
    exception_globals* exceptions = nullptr;
    int* error_number = nullptr;
  };

  fiber(stack_pool& stacks, stack mine);
  bool switch_in();
  void switch_out();
  void settle();
  static void enter(boost::context::detail::transfer_t from) noexcept;

  boost::context::detail::fcontext_t context_;         // where this fiber goes on
  boost::context::detail::fcontext_t loop_ = nullptr;  // where the loop goes on while this runs
  body run_ = nullptr;
  void* argument_ = nullptr;
  home home_;
  exception_globals exceptions_;
  int errno_ = 0;
  state state_ = state::idle;
  stack_pool& stacks_;
  stack stack_;
  [[no_unique_address]] sanitizer_side side_;
  [[no_unique_address]] sanitizer_side loop_side_;

  static thread_local constinit fiber* current_;
};

// Inline, all the way to the jump: after it the processor predicts returns wrongly, so that each
// function left on the way back costs more than the jump itself.

inline thread_local constinit fiber* fiber::current_ = nullptr;

inline fiber* fiber::current() noexcept { return current_; }

inline bool fiber::start(body run, void* argument) {
  wire::insist(state_ == state::idle, "a fiber that is started is idle; its state:", state_);
  run_ = run;
  argument_ = argument;
  errno_ = 0;
  return switch_in();
}

inline bool fiber::resume() {
  wire::insist(state_ == state::suspended,
               "a fiber that is resumed is suspended; its state:", state_);
  return switch_in();
}

inline bool fiber::switch_in() {
  fiber** const here = &current_;
  if (home_.current == nullptr) [[unlikely]]
    settle();
  wire::insist(*here == nullptr, "fibers are switched to from a thread's own stack");
  wire::insist(home_.current == here, "a fiber never changes its thread");

  const exception_globals mine = std::exchange(*home_.exceptions, exceptions_);
  const int my_errno = std::exchange(*home_.error_number, errno_);
  *here = this;
  state_ = state::running;

  loop_side_.leave(side_);
  context_ = boost::context::detail::jump_fcontext(context_, this).fctx;
  loop_side_.arrive(side_);

  *here = nullptr;
  errno_ = std::exchange(*home_.error_number, my_errno);
  exceptions_ = std::exchange(*home_.exceptions, mine);
  return state_ == state::idle;
}

}  // namespace mobula::fiber
