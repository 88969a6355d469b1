#include "core/request_queue.hpp"

#include <algorithm>
#include <utility>

namespace mobula::core {

const wire::placement& seat_place(const wire::lease_request& asked) {
  static const wire::placement outside;
  return asked.kind == wire::lease_kind::bundle ? outside : asked.where;
}

namespace {

// Whether there is a seat that leases of both may be in.
bool meet(const wire::placement& one, const wire::placement& other) {
  constexpr std::uint32_t any = wire::placement::any_bundle;
  return one.group == other.group &&
         (one.bundle == other.bundle || one.bundle == any || other.bundle == any);
}

}  // namespace

void taken_ahead::add(const wire::placement& where, resource_set kinds) {
  processes_ |= kinds & process_bit;
  const auto same = [&](const line& one) {
    return one.where.group == where.group && one.where.bundle == where.bundle;
  };
  const auto known = std::ranges::find_if(lines_, same);
  line& mine = known != lines_.end() ? *known : lines_.emplace_back();
  mine.where.group = where.group;
  mine.where.bundle = where.bundle;
  mine.kinds |= kinds & ~process_bit;
}

bool taken_ahead::has(const wire::placement& where, resource_set kinds) const {
  if ((processes_ & kinds) != 0) return true;
  return std::ranges::any_of(
      lines_, [&](const line& one) { return meet(one.where, where) && (one.kinds & kinds) != 0; });
}

void waiting_request::lacks(resource_set now) {
  lacked |= now;
  claimed = (now & ~lent_kinds) != 0 ? lacked & ~lent_kinds : lacked;
}

void request_queue::add(wire::lease_request asked) {
  if (const place known = find(asked.owner, asked.request); known != end()) {
    known->asked.count += asked.count;
    return;
  }
  waiting_request one;
  one.shape = wire::mix(shape_number(asked.held) ^ asked.where.group.high() ^
                        wire::mix(asked.where.group.low() + asked.where.bundle));
  one.kinds = kinds_of(asked.demand);
  // Actors' processes are not counted, so they never wait for one; bundles have none.
  if (asked.kind == wire::lease_kind::task) one.kinds |= process_bit;
  one.asked = std::move(asked);
  requests_.push_back(std::move(one));
}

request_queue::place request_queue::find(wire::process_id owner, std::uint64_t request) {
  return std::find_if(requests_.begin(), requests_.end(), [&](const waiting_request& one) {
    return one.asked.owner == owner && one.asked.request == request;
  });
}

void request_queue::drop_owner(wire::process_id owner) {
  requests_.remove_if([&](const waiting_request& one) { return one.asked.owner == owner; });
}

void request_queue::drop_node(wire::node_id node) {
  requests_.remove_if([&](const waiting_request& one) { return one.asked.owner.node() == node; });
}

std::uint32_t request_queue::waiting() const {
  std::uint32_t count = 0;
  for (const waiting_request& one : requests_) count += one.asked.count;
  return count;
}

resource_set request_queue::claimed() const {
  resource_set all = 0;
  for (const waiting_request& one : requests_)
    if (!seat_place(one.asked).in_group()) all |= one.claimed;
  return all;
}

}  // namespace mobula::core
