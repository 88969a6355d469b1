#include "core/worker_pool.hpp"

#include <algorithm>

#include "core/invariant.hpp"

namespace mobula::core {

worker& worker_pool::start(const device_set& devices) {
  const wire::process_id id{node_, next_incarnation_++};
  worker& one = workers_[id];
  one.id = id;
  one.devices = devices;
  ++starting_;
  if (devices.empty()) ++starting_plain_;
  starter_.start_worker(id, devices);
  return one;
}

worker* worker_pool::find(wire::process_id process) {
  const auto at = workers_.find(process);
  return at == workers_.end() ? nullptr : &at->second;
}

void worker_pool::joined(worker& one) {
  invariant(one.now == worker::state::starting, "a process joins once", one.id.bits());
  --starting_;
  if (one.devices.empty()) --starting_plain_;
  one.now = worker::state::idle;
  idle_.push_back(&one);
}

void worker_pool::rests(worker& one) {
  one.now = worker::state::idle;
  one.alone = false;
  idle_.push_back(&one);
}

worker* worker_pool::take_idle(bool for_actor, const device_set& devices) {
  for (auto at = idle_.rbegin(); at != idle_.rend(); ++at) {
    worker* one = *at;
    if ((for_actor && one->used) || one->devices != devices) continue;
    idle_.erase(std::next(at).base());
    return one;
  }
  return nullptr;
}

std::optional<device_set> worker_pool::idle_devices(bool for_actor, std::int64_t gpus,
                                                    const device_books& books) const {
  for (auto at = idle_.rbegin(); at != idle_.rend(); ++at) {
    const worker& one = **at;
    if (for_actor && one.used) continue;
    if (amount_of(one.devices) == gpus && books.is_free(one.devices)) return one.devices;
  }
  return std::nullopt;
}

worker* worker_pool::take_idle_with_any(const device_set& devices) {
  const auto sees = [&](const worker* one) {
    return std::ranges::any_of(one->devices, [&](const device_share& mine) {
      return std::ranges::count(devices, mine.number, &device_share::number) != 0;
    });
  };
  const auto found = std::ranges::find_if(idle_, sees);
  if (found == idle_.end()) return nullptr;
  worker* const one = *found;
  idle_.erase(found);
  return one;
}

std::size_t worker_pool::starting_with(const device_set& devices) const {
  return static_cast<std::size_t>(std::ranges::count_if(workers_, [&](const auto& entry) {
    return entry.second.now == worker::state::starting && entry.second.devices == devices;
  }));
}

std::size_t worker_pool::counted_plain() const {
  return static_cast<std::size_t>(std::ranges::count_if(workers_, [](const auto& entry) {
    const worker& one = entry.second;
    return one.devices.empty() && !one.actor && one.now != worker::state::retiring;
  }));
}

std::size_t worker_pool::idle_plain() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(idle_, [](const worker* one) { return one->devices.empty(); }));
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
  if (one.now == worker::state::starting) {
    --starting_;
    if (one.devices.empty()) --starting_plain_;
  }
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
