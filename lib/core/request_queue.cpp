#include "core/request_queue.hpp"

#include <algorithm>
#include <utility>

namespace mobula::core {

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
  one.shape = shape_number(asked.held);
  one.kinds = kinds_of(asked.demand);
  // Actors' processes are not counted, so they never wait for one.
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
  for (const waiting_request& one : requests_) all |= one.claimed;
  return all;
}

}  // namespace mobula::core
