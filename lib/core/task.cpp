#include "core/task.hpp"

#include <limits>
#include <new>
#include <type_traits>

#include "core/invariant.hpp"

namespace mobula::core {

void argument::on_ready(object& ready) { whose->receiver->argument_ready(*whose, ready); }

// Nothing has to be destroyed where their memory is simply given back.
static_assert(std::is_trivially_destructible_v<argument>);

void task::keep_arguments(wire::blob bytes, std::span<const parameter> given) {
  constexpr std::size_t refs_max = std::numeric_limits<decltype(ref_count)>::max();
  invariant(given.size() <= refs_max, "a function has no more parameters", given.size());
  forget_arguments();
  argument_bytes = static_cast<std::uint32_t>(bytes.size());
  ref_count = static_cast<std::uint16_t>(given.size());
  if (block_bytes() > here_max) heap_ = new std::byte[block_bytes()];
  std::byte* to = block();
  for (const parameter& each : given) {
    auto* const made = new (to) argument;
    made->parameter = each.index;
    made->whose = this;
    made->ref = each.ref;
    to += sizeof(argument);
  }
  if (argument_bytes != 0) std::memcpy(to, bytes.data(), bytes.size());
}

void task::forget_arguments() {
  if (block_bytes() > here_max) delete[] heap_;
  argument_bytes = 0;
  ref_count = 0;
}

call_task& as_call(task& one) {
  invariant(one.what == task::kind::call, "the task is a call", one.first->id.sequence());
  return static_cast<call_task&>(one);
}

const call_task& as_call(const task& one) { return as_call(const_cast<task&>(one)); }

void task_list::push_back(task& one) {
  one.previous = last_;
  one.next = nullptr;
  (last_ ? last_->next : first_) = &one;
  last_ = &one;
  ++size_;
}

void task_list::insert(task& one, task* near) {
  task* after = near ? near : first_;
  while (after && after->previous && after->previous->number > one.number) after = after->previous;
  while (after && after->number < one.number) after = after->next;
  if (!after) return push_back(one);
  one.next = after;
  one.previous = after->previous;
  (one.previous ? one.previous->next : first_) = &one;
  after->previous = &one;
  ++size_;
}

void task_list::remove(task& one) {
  (one.previous ? one.previous->next : first_) = one.next;
  (one.next ? one.next->previous : last_) = one.previous;
  one.next = one.previous = nullptr;
  --size_;
}

void task_pool::destroy(task& gone) {
  if (gone.what == task::kind::call) {
    delete static_cast<call_task*>(&gone);
  } else {
    delete &gone;
  }
}

task_pool::~task_pool() {
  for (unused_ones* all : {&tasks_, &calls_}) {
    while (all->first) {
      task& gone = *all->first;
      all->first = gone.next;
      destroy(gone);
    }
  }
}

task& task_pool::make(task::kind what) {
  ++live_;
  unused_ones& unused = like(what);
  if (!unused.first) {
    task& made = what == task::kind::call ? *new call_task : *new task;
    made.what = what;
    return made;
  }
  task& taken = *unused.first;
  unused.first = taken.next;
  --unused.count;
  taken.next = nullptr;
  taken.what = what;
  return taken;
}

void task_pool::recycle(task& ended) {
  --live_;
  unused_ones& unused = like(ended.what);
  if (unused.count == unused_max) return destroy(ended);
  ended.forget_arguments();
  ended.extras.reset();
  ended.where = task::phase::waiting;
  ended.flags = 0;
  ended.attempt = 0;
  ended.missing = 0;
  ended.has_failed_argument = false;
  ended.lease = nullptr;
  ended.demand = nullptr;
  ended.number = 0;
  ended.next = unused.first;
  unused.first = &ended;
  ++unused.count;
}

}  // namespace mobula::core
