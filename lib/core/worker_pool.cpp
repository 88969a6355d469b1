#include "core/worker_pool.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/invariant.hpp"

namespace mobula::core {

worker& worker_pool::start(process_set set) {
  const wire::process_id id{node_, next_incarnation_++};
  worker& one = workers_[id];
  one.id = id;
  one.set = std::move(set);
  starting_.push_back(&one);
  starter_.start_worker(id, one.set);
  return one;
}

worker* worker_pool::find(wire::process_id process) {
  const auto at = workers_.find(process);
  return at == workers_.end() ? nullptr : &at->second;
}

void worker_pool::joined(worker& one) {
  invariant(one.now == worker::state::starting, "a process joins once", one.id.bits());
  std::erase(starting_, &one);
  one.now = worker::state::idle;
  idle_.push_back(&one);
}

void worker_pool::rests(worker& one) {
  one.now = worker::state::idle;
  one.alone = false;
  idle_.push_back(&one);
}

void worker_pool::take_idle(worker& one) {
  // Most often it is the last.
  const auto at = std::find(idle_.rbegin(), idle_.rend(), &one);
  invariant(at != idle_.rend(), "who is taken was idle", one.id.bits());
  idle_.erase(std::next(at).base());
}

worker* worker_pool::take_idle_with_any(const device_set& devices) {
  const auto sees = [&](const worker* one) {
    return std::ranges::any_of(one->set.devices, [&](const device_share& mine) {
      return std::ranges::count(devices, mine.number, &device_share::number) != 0;
    });
  };
  const auto found = std::ranges::find_if(idle_, sees);
  if (found == idle_.end()) return nullptr;
  worker* const one = *found;
  idle_.erase(found);
  return one;
}

std::size_t worker_pool::counted_plain() const {
  return static_cast<std::size_t>(std::ranges::count_if(workers_, [](const auto& entry) {
    const worker& one = entry.second;
    return one.set.is_plain() && !one.actor && one.now != worker::state::retiring;
  }));
}

worker* worker_pool::take_oldest_idle() {
  if (idle_.empty()) return nullptr;
  worker* one = idle_.front();
  idle_.pop_front();
  return one;
}

void worker_pool::retire(worker& one) {
  one.now = worker::state::retiring;
  ++retiring_;
  if (!one.actor) ++not_counted_;
}

void worker_pool::forget(wire::process_id process) {
  const auto at = workers_.find(process);
  worker& one = at->second;
  if (one.now == worker::state::starting) std::erase(starting_, &one);
  if (one.now == worker::state::idle) idle_.remove(&one);
  if (one.now == worker::state::retiring) --retiring_;
  if (one.actor || one.now == worker::state::retiring) --not_counted_;
  workers_.erase(at);
}

void worker_pool::becomes_actors(worker& one) {
  one.actor = true;
  ++not_counted_;
}

}  // namespace mobula::core
