#include "core/lease_book.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

namespace {

constexpr wire::node_id nowhere = wire::lease_request{}.preferred;

std::string key_bytes(const demand_key& key) {
  wire::lease_request named;
  named.kind = key.kind;
  named.demand = key.demand;
  named.held = key.held;
  named.where = key.where;
  std::string bytes(wire::encoded_size(named), '\0');
  wire::writer room{std::as_writable_bytes(std::span{bytes}).data()};
  wire::encode_part(room, named);
  return bytes;
}

// Names a demand alike in every process (FNV-1a).
std::uint64_t number_of(std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char one : key) {
    hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001b3U;
  }
  return hash;
}

}  // namespace

lease_book::lease_book(process_id self, wire::outbox& out, limits named, pusher push, failer fail)
    : self_{self}, out_{out}, limits_{named}, push_{std::move(push)}, fail_{std::move(fail)} {}
lease_book::~lease_book() = default;

shape& lease_book::shape_for(const demand_key& key) {
  auto bytes = key_bytes(key);
  const std::uint64_t number = number_of(bytes);
  auto& found = shapes_[std::move(bytes)];
  if (!found) {
    found = std::make_unique<shape>();
    found->key = key;
    found->number = number;
  }
  return *found;
}

void lease_book::enqueue(task& ready) {
  ready.where = task::phase::ready;
  if (ready.what == task::kind::creation) return ask_for_creation(ready);
  ready.number = ++ready.demand->last_number;
  ready.demand->ready.push_back(ready);
}

void lease_book::ask_for_creation(task& creation) {
  creation.number = next_request_++;
  wire::lease_request request;
  request.owner = self_;
  request.request = creation.number;
  request.kind = wire::lease_kind::actor;
  request.demand = creation.demand->key.demand;
  request.held = creation.demand->key.held;
  request.where = creation.demand->key.where;
  const auto asked = process_id::scheduler_of(self_.node());
  creations_[creation.number] = {&creation, asked};
  wire::send(out_, asked, request);
}

void lease_book::pump(shape& one) {
  while (!one.ready.empty() && !one.open.empty()) {
    task& next = *one.ready.front();
    held_lease& lease = lease_for(next);
    one.ready.remove(next);
    push(next, lease);
    if (lease.in_flight.size() >= lease.window) {
      close(lease);
    } else {
      ++one.next_open;
    }
  }
  ask(one);
}

// Those at hand take turns; of them only those next to the task's arguments, if there are any.
held_lease& lease_book::lease_for(const task& next) {
  shape& one = *next.demand;
  const std::size_t count = one.open.size();
  if (one.next_open >= count) one.next_open = 0;
  const bool has_choice = count > 1 && !next.refs().empty();
  const wire::node_id node = has_choice ? near_arguments(next) : nowhere;
  for (std::size_t i = 0; node != nowhere && i < count; ++i) {
    const std::size_t at = (one.next_open + i) % count;
    if (one.open[at]->worker.node() != node) continue;
    one.next_open = at;
    break;
  }
  return *one.open[one.next_open];
}

void lease_book::push(task& next, held_lease& lease) {
  if (lease.in_flight.size() <= 1) lease.resting_since_ns = 0;
  lease.all_begun = false;
  next.where = task::phase::pushed;
  next.lease = &lease;
  if (lease.in_flight.empty()) {
    lease.mark_ns = now_ns_;
    lease.completed = 0;
  }
  lease.in_flight.push_back(next);
  watch(lease);
  push_(next, lease);
}

bool lease_book::push_here(task& ready, wire::lease_id id, std::uint64_t shape_number) {
  if (ready.where != task::phase::ready || ready.what != task::kind::plain) return false;
  if (ready.demand->number != shape_number) return false;
  ready.demand->ready.remove(ready);
  held_lease* slot = find(id);
  if (!slot) {
    slot = &hold(id, self_, *ready.demand);
    slot->own = true;
  }
  push(ready, *slot);
  mark_dirty(*ready.demand);
  return true;
}

// Raised when much more is ready than was asked for, taken back when nothing is.
void lease_book::ask(shape& one) {
  const auto ready =
      static_cast<std::uint32_t>(std::min<std::size_t>(one.ready.size(), limits_.request_max));
  if (ready == 0) {
    if (one.request != 0) set_requested(one, 0);
  } else if (one.requested == 0 ||
             (ready >= 2 * one.requested && one.requested < limits_.request_max)) {
    set_requested(one, ready);
  }
}

void lease_book::set_requested(shape& one, std::uint32_t count) {
  if (count == 0) {
    wire::send(out_, one.asked, wire::lease_update{self_, one.request, 0});
    return request_ended(one);
  }
  if (one.requested != 0) {
    one.requested = count;
    return wire::send(out_, one.asked, wire::lease_update{self_, one.request, count});
  }
  if (one.request == 0) one.request = next_request_++;
  one.requested = count;
  one.asked = process_id::scheduler_of(self_.node());
  requests_[one.request] = &one;
  wire::lease_request request;
  request.owner = self_;
  request.request = one.request;
  request.count = count;
  request.kind = one.key.kind;
  request.demand = one.key.demand;
  request.held = one.key.held;
  request.where = one.key.where;
  request.preferred = near_arguments(*one.ready.front());
  wire::send(out_, one.asked, request);
}

// The node that holds most bytes of a task's arguments; nowhere: none does, or it is not for them
// to say.
wire::node_id lease_book::near_arguments(const task& ready) {
  wire::node_id nearest = nowhere;
  const wire::placement_kind how = ready.demand->key.where.how;
  if (how != wire::placement_kind::automatic && how != wire::placement_kind::labels) return nearest;
  std::vector<std::pair<wire::node_id, std::uint64_t>> bytes_on;
  for (const argument& each : ready.refs()) {
    const object& given = *each.ref;
    if (given.state.load() != object_state::stored) continue;
    const wire::node_id node = given.where().node;
    auto at = std::ranges::find(bytes_on, node, [](const auto& entry) { return entry.first; });
    if (at == bytes_on.end()) at = bytes_on.insert(at, {node, 0});
    at->second += given.where().size_bytes;
  }
  std::uint64_t most = 0;
  for (const auto& [node, bytes] : bytes_on) {
    if (bytes <= most) continue;
    most = bytes;
    nearest = node;
  }
  return nearest;
}

// What still waits of it somewhere would be granted in vain.
void lease_book::request_ended(shape& one) {
  std::vector<std::uint64_t> numbers = std::exchange(one.asked_before, {});
  if (one.request != 0) numbers.push_back(one.request);
  for (const std::uint64_t number : numbers) {
    for (const process_id place : one.asked_too)
      wire::send(out_, place, wire::lease_update{self_, number, 0});
    requests_.erase(number);
  }
  one.asked_too.clear();
  one.request = 0;
  one.requested = 0;
}

void lease_book::ended(task& one) {
  held_lease& lease = *one.lease;
  lease.in_flight.remove(one);
  one.lease = nullptr;
  ++lease.completed;
  lease.resting_since_ns = 0;
  lease.blocked = false;
  touch(lease);
}

void lease_book::withdraw(task& one) {
  if (one.lease) {
    held_lease& lease = *one.lease;
    lease.in_flight.remove(one);
    one.lease = nullptr;
    touch(lease);
  } else if (one.where == task::phase::ready && one.what == task::kind::plain) {
    one.demand->ready.remove(one);
    mark_dirty(*one.demand);
  } else if (one.what == task::kind::creation && one.number != 0) {
    creations_.erase(one.number);
    one.number = 0;
  }
}

void lease_book::touch(held_lease& lease) {
  watch(lease);
  if (lease.touched) return;
  lease.touched = true;
  touched_.push_back(&lease);
}

void lease_book::mark_dirty(shape& one) {
  if (one.dirty) return;
  one.dirty = true;
  dirty_.push_back(&one);
}

void lease_book::open_if_room(held_lease& lease) {
  const bool room = !lease.own && !lease.over && !lease.recalled && !lease.blocked &&
                    !lease.reclaiming && lease.of->key.kind == wire::lease_kind::task &&
                    lease.in_flight.size() < lease.window;
  if (!room) return close(lease);
  lease.of->open.add(lease);
}

void lease_book::close(held_lease& lease) { lease.of->open.remove(lease); }

void lease_book::adjust_window(held_lease& lease) {
  if (lease.completed == 0) return;
  const std::uint64_t took = now_ns_ - std::min(now_ns_, lease.mark_ns);
  const std::uint64_t each = took / lease.completed;
  const bool was_full = lease.in_flight.size() + lease.completed >= lease.window;
  if (was_full && each * lease.window < limits_.window_target_ns) {
    lease.window = std::min(lease.window * 2, limits_.window_max);
  } else if (each * lease.window > 4 * limits_.window_target_ns) {
    lease.window = static_cast<std::uint32_t>(
        std::max<std::uint64_t>(1, limits_.window_target_ns / std::max<std::uint64_t>(1, each)));
    lease.window = std::min(lease.window, limits_.window_max);
  }
  lease.mark_ns = now_ns_;
  lease.completed = 0;
}

void lease_book::flush() {
  if (touched_.empty() && dirty_.empty()) return;
  // What is touched meanwhile waits for the next time. Both lists keep their memory.
  touched_now_.swap(touched_);
  for (held_lease* lease : touched_now_) {
    lease->touched = false;
    adjust_window(*lease);
    mark_dirty(*lease->of);
    if (lease->in_flight.empty() && (lease->own || lease->over || lease->recalled)) {
      if (lease->own || lease->over) {
        forget(*lease);
      } else {
        give_back(*lease);
      }
      continue;
    }
    open_if_room(*lease);
  }
  touched_now_.clear();
  dirty_now_.swap(dirty_);
  for (shape* one : dirty_now_) {
    one->dirty = false;
    pump(*one);
  }
  dirty_now_.clear();
}

void lease_book::give_back(held_lease& lease) {
  wire::send(out_, lease.id.granter, wire::lease_return{lease.id});
  forget(lease);
}

void lease_book::forget(held_lease& lease) {
  unlist(lease);
  leases_.erase(wire::lease_id{lease.id});
}

void lease_book::unlist(held_lease& lease) {
  close(lease);
  watched_.remove(lease);
  if (lease.touched) std::erase(touched_, &lease);
}

void lease_book::creation_failed(wire::lease_id id) {
  if (held_lease* lease = find(id)) give_back(*lease);
}

void lease_book::actor_over(wire::lease_id id) {
  if (held_lease* lease = find(id)) forget(*lease);
}

// What was submitted first begins first, whoever gives it back and when: the first may be what the
// others' submitter waits for.
void lease_book::requeue(task& one, task* near) {
  one.lease->in_flight.remove(one);
  watch(*std::exchange(one.lease, nullptr));
  ++one.attempt;
  one.where = task::phase::ready;
  one.demand->ready.insert(one, near);
  mark_dirty(*one.demand);
}

held_lease& lease_book::hold(wire::lease_id id, process_id worker, shape& of) {
  auto& lease = leases_[id];
  lease = std::make_unique<held_lease>();
  lease->id = id;
  lease->worker = worker;
  lease->of = &of;
  watch(*lease);
  return *lease;
}

held_lease* lease_book::find(wire::lease_id id) {
  const auto found = leases_.find(id);
  return found == leases_.end() ? nullptr : found->second.get();
}

}  // namespace mobula::core
