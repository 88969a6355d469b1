#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// What requests wait for, for those who ask whether they can ever be met.

namespace mobula::core {

using wire::wait_kind;
using wire::wait_point;

void scheduler::on_wait_query(wire::process_id from, const wire::wait_query& asked) {
  wire::wait_reply answer;
  answer.token = asked.token;
  const bool known = asked.about.kind == wait_kind::request || asked.about.kind == wait_kind::room;
  if (known && tell_holders(asked.about, answer.on)) {
    answer.needed = 1;
  } else {
    answer.on.clear();
  }
  wire::send(out_, from, answer);
}

/// What must end before the request can be met: any one of these, on this node or, for a request
/// that waits here, on another where it could go. @returns false: it need not wait for any
bool scheduler::tell_holders(const wait_point& about, std::vector<wait_point>& on) {
  const bool waits_here = about.kind == wait_kind::request;
  const auto mine = waits_here ? queue_.find(about.by, about.number) : queue_.end();
  // It may have been met since it was heard of.
  if (waits_here && mine == queue_.end()) return false;
  const wire::placement where = waits_here ? seat_place(mine->asked) : wire::placement{};
  // There may be room in a bundle elsewhere, of which nothing is known here.
  if (where.in_group() && where.bundle == wire::placement::any_bundle) return false;
  for (std::uint32_t seat = 0; seat < books_.size(); ++seat) {
    if (!books_.feasible_at(seat, about.demand, where)) continue;
    // For what is lent nobody waits forever.
    const resource_set lacks = books_.lacking_at(seat, about.demand) & ~lent_kinds;
    if (lacks == 0) {
      const waiting_request* ahead = waits_here ? held_back_by(mine) : nullptr;
      if (!ahead) return false;
      on.push_back({.kind = wait_kind::request,
                    .asked = self_,
                    .by = ahead->asked.owner,
                    .number = ahead->asked.request,
                    .demand = ahead->asked.demand});
      continue;
    }
    for (const auto& [number, one] : leases_) {
      if (one.seat != seat || (kinds_of(one.booked()) & lacks) == 0) continue;
      if (!one.worker) return false;
      on.push_back({.kind = wait_kind::lease, .asked = one.worker, .by = self_, .number = number});
    }
  }
  for (std::size_t i = 0; waits_here && i < peers_.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (node == node_ || !peers_.feasible_at(node, about.demand, mine->asked.where)) continue;
    wait_point there = about;
    there.kind = wait_kind::room;
    there.asked = wire::process_id::scheduler_of(node);
    on.push_back(there);
  }
  return on.size() <= wire::wait_points_max;
}

/// The first one ahead of a request in the queue whose turn must come before.
const waiting_request* scheduler::held_back_by(request_queue::place mine) {
  for (auto at = queue_.begin(); at != mine; ++at) {
    taken_ahead taken;
    taken.add(seat_place(at->asked), at->claimed);
    if (taken.has(seat_place(mine->asked), mine->kinds)) return &*at;
  }
  return nullptr;
}

}  // namespace mobula::core
