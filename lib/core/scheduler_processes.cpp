#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// The processes of this node: which one a lease gets, which are started for it and which must end.

namespace mobula::core {

/// Where a lease of that seat would run; nothing: it must wait for a process. In this order: one
/// that idles or comes up and has just what it asks for, its cores free; a new one; one of that
/// kind in which everything waits; a new one in the place of one that idles; any in which
/// everything waits.
std::optional<scheduler::process_choice> scheduler::choose_process(const wire::lease_request& asked,
                                                                   std::uint32_t seat) {
  const device_books& devices = books_.devices_of(seat);
  const core_books& cores = books_.cores_of(seat);
  const bool for_actor = asked.kind == wire::lease_kind::actor;
  std::int64_t shared_max = 0;
  // What ends with a group must own nothing that others want.
  const wire::group_id group = asked.where.in_group() ? asked.where.group : wire::group_id{};
  const auto may_have = [&](const worker& one) {
    return !group || !one.used || one.group == group;
  };
  const auto suits = [&](const worker& one) {
    return may_have(one) && one.set.cpus == asked.held.cpus &&
           amount_of(one.set.devices) == asked.held.gpus && devices.is_free(one.set.devices) &&
           cores.shared(one.set.cores) <= shared_max;
  };
  if (worker* idle = workers_.find_idle(for_actor, suits)) return process_choice{idle, idle->set};
  process_set fresh{devices.find(asked.held.gpus).value(), {}, asked.held.cpus};
  fresh.cores = cores.find(fresh.cpus, fresh.devices);
  shared_max = cores.shared(fresh.cores);
  if (shared_max != 0) {
    // A new process would have to share its cores too.
    if (worker* idle = workers_.find_idle(for_actor, suits)) return process_choice{idle, idle->set};
  }
  for (const worker* one : not_awaited())
    if (suits(*one)) return process_choice{nullptr, one->set};
  const process_choice start{nullptr, std::move(fresh)};
  const std::size_t committed = committed_workers();
  if (for_actor || committed < limits_.workers) return start;
  const bool goes_on_top = !asked.alone && !asked.where.in_group() && asked.held.gpus == 0;
  const auto any = [&](const worker& one) { return may_have(one) && one.set.is_plain(); };
  if (goes_on_top) {
    if (worker* one = workers_.all_blocked(suits)) return process_choice{one, one->set};
  }
  // Without cores of its own a process is not worth ending for the number of its cpus.
  if (cores.size() == 0 && asked.held.gpus == 0) {
    if (worker* idle = workers_.find_idle(for_actor, any)) return in_spite_of_its_set(*idle, asked);
  }
  if (workers_.idle() != 0 && workers_.retiring() < limits_.retiring_max) return start;
  if (goes_on_top) {
    if (worker* one = workers_.all_blocked(any)) return in_spite_of_its_set(*one, asked);
  }
  if (committed < limits_.workers_max) return start;
  if (asked.held.gpus != 0) return std::nullopt;
  // None can be ended or started: cores and their number must not keep it from running.
  if (worker* idle = workers_.find_idle(for_actor, any)) return in_spite_of_its_set(*idle, asked);
  // Those that see GPUs are of no use here, however many they are.
  if (workers_.counted_plain() == 0) return start;
  return std::nullopt;
}

scheduler::process_choice scheduler::in_spite_of_its_set(worker& one,
                                                         const wire::lease_request& asked) {
  process_choice choice{&one, {{}, {}, asked.held.cpus}};
  if (asked.held.cpus != 0) choice.set.cores = one.set.cores;
  return choice;
}

/// Processes that come up and for which no lease waits.
std::vector<worker*> scheduler::not_awaited() const {
  std::vector<worker*> coming = workers_.starting();
  for (const std::uint64_t number : awaiting_process_) {
    if (coming.empty()) break;
    const auto mine = std::ranges::find(coming, leases_.at(number).set, &worker::set);
    if (mine != coming.end()) coming.erase(mine);
  }
  return coming;
}

/// Task workers that there are, or will be for leases granted already.
std::size_t scheduler::committed_workers() const {
  const std::size_t starting = workers_.starting().size();
  return workers_.counted() - starting + std::max(starting, awaiting_process_.size());
}

/// For one that awaits a process: what idles and has the same, if with other cores that are free.
worker* scheduler::idle_for(lease& one) {
  const bool for_actor = one.kind == wire::lease_kind::actor;
  const wire::group_id group = books_.place_of(one.seat).group;
  const auto may_have = [&](const worker& idle) {
    return !group || !idle.used || idle.group == group;
  };
  const auto same = [&](const worker& idle) { return may_have(idle) && idle.set == one.set; };
  if (worker* idle = workers_.find_idle(for_actor, same)) return idle;
  const core_books& cores = books_.cores_of(one.seat);
  const auto as_good = [&](const worker& idle) {
    return may_have(idle) && idle.set.cpus == one.set.cpus && idle.set.devices == one.set.devices &&
           cores.is_free(idle.set.cores);
  };
  worker* const idle = workers_.find_idle(for_actor, as_good);
  if (!idle) return nullptr;
  books_.give_to(one.seat, {}, {}, one.set.cores);
  one.set.cores = idle->set.cores;
  books_.take_from(one.seat, {}, {}, one.set.cores);
  return idle;
}

void scheduler::assign_awaiting() {
  for (auto at = awaiting_process_.begin(); at != awaiting_process_.end();) {
    lease& one = leases_.at(*at);
    worker* const to = workers_.idle() == 0 ? nullptr : idle_for(one);
    if (!to) {
      ++at;
      continue;
    }
    workers_.take_idle(*to);
    assign(one, *to);
    at = awaiting_process_.erase(at);
  }
  std::vector<worker*> coming = workers_.starting();
  for (const std::uint64_t number : awaiting_process_) {
    const lease& one = leases_.at(number);
    const auto mine = std::ranges::find(coming, one.set, &worker::set);
    if (mine != coming.end()) {
      coming.erase(mine);
    } else if (workers_.starting().size() < limits_.starting_max) {
      start_process_for(one);
    }
  }
}

/// Whoever idles and sees any of its GPUs makes room there; where there are many already, the one
/// that has idled longest does.
void scheduler::start_process_for(const lease& one) {
  const auto may_retire = [this] { return workers_.retiring() < limits_.retiring_max; };
  while (may_retire()) {
    worker* const misfit = workers_.take_idle_with_any(one.set.devices);
    if (!misfit) break;
    retire(*misfit);
  }
  // Actors' don't count once they are.
  if (one.kind == wire::lease_kind::task && workers_.counted() >= limits_.workers && may_retire()) {
    if (worker* oldest = workers_.take_oldest_idle()) retire(*oldest);
  }
  workers_.start(one.set);
}

/// A process may end between its word to us that a lease is over and its word to the owner of what
/// has ended there: that would wait for it forever.
void scheduler::tell_of_leases_over(wire::process_id ended, std::string_view cause,
                                    const std::vector<begun_entry>& begun) {
  std::map<std::pair<wire::process_id, wire::lease_id>, wire::lease_lost> news;
  for (const begun_entry& one : begun) {
    const wire::process_id owner = one.entry.task.owner();
    const bool is_known = one.lease.granter != self_ || one.lease.number > last_lease_ ||
                          leases_.contains(one.lease.number);
    if (!is_known && owner != ended && !ended_.has(owner))
      news[{owner, one.lease}].begun.push_back(one.entry);
  }
  for (auto& [whose, message] : news) {
    message.lease = whose.second;
    message.worker = ended;
    message.cause = cause;
    wire::send(out_, whose.first, message);
  }
}

/// Such as most tasks will want: with a cpu each.
void scheduler::prestart(std::uint32_t count) {
  std::vector<core_set> taken;
  constexpr std::uint32_t seat = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    process_set set;
    set.cpus = std::min(wire::resource_amounts::unit, books_.total_of(seat).cpus);
    set.cores = books_.cores_of(seat).find(set.cpus);
    books_.take_from(seat, {}, {}, taken.emplace_back(set.cores));
    workers_.start(std::move(set));
  }
  for (const core_set& cores : taken) books_.give_to(seat, {}, {}, cores);
}

void scheduler::retire_surplus() {
  while (workers_.counted() > limits_.workers && workers_.retiring() < limits_.retiring_max) {
    worker* oldest = workers_.take_oldest_idle();
    if (!oldest) return;
    retire(*oldest);
  }
}

void scheduler::retire(worker& one) {
  workers_.retire(one);
  if (!shutting_down_) wire::send(out_, one.id, wire::worker_retire{});
}

}  // namespace mobula::core
