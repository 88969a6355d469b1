#include "fiber/fiber.hpp"

#include <cxxabi.h>

#include <cerrno>

namespace mobula::fiber {

std::unique_ptr<fiber> fiber::make(stack_pool& stacks) {
  const stack mine = stacks.take();
  if (!mine) return nullptr;
  return std::unique_ptr<fiber>{new fiber{stacks, mine}};
}

fiber::fiber(stack_pool& stacks, stack mine)
    : context_{boost::context::detail::make_fcontext(mine.top, mine.size_bytes(), &fiber::enter)},
      stacks_{stacks},
      stack_{mine} {
  side_.create(stack_.bottom, stack_.size_bytes());
}

fiber::~fiber() {
  wire::insist(state_ == state::idle, "a fiber that is destroyed is idle; its state:", state_);
  side_.destroy();
  stacks_.give_back(stack_);
}

void fiber::settle() {
  home_.current = &current_;
  home_.exceptions = reinterpret_cast<exception_globals*>(abi::__cxa_get_globals());
  home_.error_number = &errno;
}

inline void fiber::switch_out() {
  side_.leave(loop_side_);
  loop_ = boost::context::detail::jump_fcontext(loop_, nullptr).fctx;
  side_.arrive(loop_side_);
}

void fiber::suspend() {
  fiber* const self = current_;
  wire::insist(self != nullptr, "only a function on a fiber suspends");
  self->state_ = state::suspended;
  self->switch_out();
}

// noexcept: an exception that leaves the function has nowhere to go, std::terminate shows it.
void fiber::enter(boost::context::detail::transfer_t from) noexcept {
  fiber& self = *static_cast<fiber*>(from.data);
  self.loop_ = from.fctx;
  self.side_.arrive(self.loop_side_);
  // Left for good while it is idle, by ~fiber: nothing on this frame needs to be released.
  for (;;) {
    self.run_(self.argument_);
    self.state_ = state::idle;
    self.switch_out();
  }
}

}  // namespace mobula::fiber
