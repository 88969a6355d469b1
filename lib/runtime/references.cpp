// Refs: counting them, writing them into values, reading them out.

#include <mutex>

#include "mobula/errors.hpp"
#include "runtime/casts.hpp"
#include "runtime/decode_scope.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

void retain(object* record) noexcept {
  record_of(record).counts.fetch_add(1, std::memory_order_relaxed);
}

void release(object* record) noexcept {
  core::object& one = record_of(record);
  // Only the last count is ended under the lock.
  std::uint32_t counts = one.counts.load(std::memory_order_relaxed);
  while (counts > 1) {
    if (one.counts.compare_exchange_weak(counts, counts - 1, std::memory_order_acq_rel)) return;
  }
  process* home = process::current();
  if (!home || home->job() != one.job) {
    // Its job has ended; what is left of that is only kept for refs like this one.
    one.counts.fetch_sub(1, std::memory_order_acq_rel);
    return;
  }
  const std::lock_guard held{home->lock()};
  home->owner().objects().drop(one);
  home->send_soon();
}

identity identity_of(const object* record) noexcept {
  const core::object& one = record_of(record);
  return {one.id.high(), one.id.low()};
}

void encoder::ref(const handle& ref) {
  if (!ref.get()) throw error{"an empty ref was sent: give it an object before, or send none"};
  if (is_poured())
    throw checkpoint_error{
        "a value that is saved has a ref or an actor handle inside, which would name nothing in a "
        "file: save the values that the refs name"};
  process::require().record_here(ref.get());
  number(ref.id());
  refs_.push_back(ref);
}

namespace {

// Under the lock. Came with the arguments of a task: told to its owner when that ends, if it is
// held then.
core::object& adopt_argument(core::object_table& objects, wire::object_id id,
                             std::vector<core::object*>& adopted) {
  core::object& one = objects.adopt(id);
  objects.hold(one);
  adopted.push_back(&one);
  return one;
}

}  // namespace

handle decode_scope::object() const {
  if (container_) {
    retain(opaque(*container_));
    return handle{opaque(*container_)};
  }
  if (!argument_) return {};
  process& home = process::require();
  const std::lock_guard held{home.lock()};
  return handle{opaque(adopt_argument(home.owner().objects(), argument_, *adopted_))};
}

handle decoder::ref() {
  const auto id = number<identity>();
  decode_scope* scope = decode_scope::current();
  process& home = process::require();
  if (!scope) throw error{"a ref was read from bytes that Mobula did not bring"};
  const std::lock_guard held{home.lock()};
  core::object_table& objects = home.owner().objects();
  const auto named = wire::object_id::from_words(id.high, id.low);
  if (scope->adopted()) return handle{opaque(adopt_argument(objects, named, *scope->adopted()))};
  core::object& one = objects.adopt(named);
  if (!one.owned) {
    objects.register_through(one, *scope->container());
    home.flush();
  }
  return handle{opaque(one)};
}

}  // namespace mobula::detail
