#include "core/task.hpp"

namespace mobula::core {

void argument::on_ready(object& ready) { whose->receiver->argument_ready(*whose, ready); }

void task::keep_arguments(wire::blob bytes) {
  argument_bytes = static_cast<std::uint32_t>(bytes.size());
  std::byte* to = here_;
  if (argument_bytes > here_max) {
    heap_.reset(new std::byte[argument_bytes]);
    to = heap_.get();
  }
  if (argument_bytes != 0) std::memcpy(to, bytes.data(), bytes.size());
}

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

task_pool::~task_pool() {
  while (unused_) {
    task* next = unused_->next;
    delete unused_;
    unused_ = next;
  }
}

task& task_pool::make() {
  ++live_;
  if (!unused_) return *new task;
  task* taken = unused_;
  unused_ = taken->next;
  --unused_count_;
  taken->next = nullptr;
  return *taken;
}

void task_pool::recycle(task& ended) {
  --live_;
  if (unused_count_ == unused_max) {
    delete &ended;
    return;
  }
  if (ended.argument_bytes > 64 || ended.ref_count != 0 || !ended.name.empty() ||
      !ended.contains.empty()) {
    ended.~task();
    new (&ended) task;
  } else {
    ended.what = task::kind::plain;
    ended.where = task::phase::waiting;
    ended.flags = 0;
    ended.attempt = 0;
    ended.missing = 0;
    ended.lease = nullptr;
    ended.demand = nullptr;
    ended.actor = nullptr;
    ended.request = 0;
    ended.failed_argument = nullptr;
  }
  ended.next = unused_;
  unused_ = &ended;
  ++unused_count_;
}

}  // namespace mobula::core
