#include "core/object.hpp"

#include <cstring>

#include "core/actor_client.hpp"

namespace mobula::core {

void waiter_list::add(waiter& one) {
  one.previous_ = last_;
  one.next_ = nullptr;
  one.waits_ = true;
  (last_ ? last_->next_ : first_) = &one;
  last_ = &one;
}

void waiter_list::remove(waiter& one) {
  if (!one.waits_) return;
  (one.previous_ ? one.previous_->next_ : first_) = one.next_;
  (one.next_ ? one.next_->previous_ : last_) = one.previous_;
  one.next_ = one.previous_ = nullptr;
  one.waits_ = false;
}

void waiter_list::tell(object& ready) {
  while (first_) {
    waiter& one = *first_;
    remove(one);
    one.on_ready(ready);
  }
}

sibling_block::sibling_block(std::uint32_t n)
    : count{n}, alive{n}, objects{std::make_unique<object[]>(n)} {}
sibling_block::~sibling_block() = default;
object_extras::object_extras() = default;
object_extras::~object_extras() = default;

void object::set_bytes(object_state as, wire::blob value) {
  size_bytes = static_cast<std::uint32_t>(value.size());
  std::byte* to = here;
  if (size_bytes > here_max) to = heap = new std::byte[size_bytes];
  if (size_bytes != 0) std::memcpy(to, value.data(), size_bytes);
  state.store(as, std::memory_order_release);
}

void object::set_stored(const wire::location& where) {
  at = where;
  size_bytes = 0;
  state.store(object_state::stored, std::memory_order_release);
}

void object::clear_value() {
  if (state.load(std::memory_order_relaxed) != object_state::stored && size_bytes > here_max)
    delete[] heap;
  size_bytes = 0;
  state.store(object_state::pending, std::memory_order_relaxed);
}

}  // namespace mobula::core
