#include "core/worker_pool.hpp"

#include "core/invariant.hpp"

namespace mobula::core {

worker& worker_pool::start() {
  const wire::process_id id{node_, next_incarnation_++};
  worker& one = workers_[id];
  one.id = id;
  ++starting_;
  starter_.start_worker(id);
  return one;
}

worker* worker_pool::find(wire::process_id process) {
  const auto at = workers_.find(process);
  return at == workers_.end() ? nullptr : &at->second;
}

void worker_pool::joined(worker& one) {
  invariant(one.now == worker::state::starting, "a process joins once", one.id.bits());
  --starting_;
  one.now = worker::state::idle;
  idle_.push_back(&one);
}

void worker_pool::rests(worker& one) {
  one.now = worker::state::idle;
  one.alone = false;
  idle_.push_back(&one);
}

worker* worker_pool::take_idle(bool for_actor) {
  for (auto at = idle_.rbegin(); at != idle_.rend(); ++at) {
    worker* one = *at;
    if (for_actor && one->used) continue;
    idle_.erase(std::next(at).base());
    return one;
  }
  return nullptr;
}

worker* worker_pool::take_oldest_idle() {
  if (idle_.empty()) return nullptr;
  worker* one = idle_.front();
  idle_.pop_front();
  return one;
}

worker* worker_pool::all_blocked() {
  worker* best = nullptr;
  for (auto& [id, one] : workers_) {
    if (!one.all_blocked()) continue;
    // The lower id among equals, so that the order in memory decides nothing.
    if (!best || one.leases.size() < best->leases.size() ||
        (one.leases.size() == best->leases.size() && one.id < best->id)) {
      best = &one;
    }
  }
  return best;
}

void worker_pool::retire(worker& one) {
  one.now = worker::state::retiring;
  ++retiring_;
  if (!one.actor) ++not_counted_;
}

void worker_pool::forget(wire::process_id process) {
  const auto at = workers_.find(process);
  worker& one = at->second;
  if (one.now == worker::state::starting) --starting_;
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
