#include <algorithm>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "core/refusals.hpp"
#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// Bundles of placement groups on this node, and the leases in them.

namespace mobula::core {

void scheduler::place_bundle(wire::lease_request asked) {
  const wire::process_id owner = asked.owner;
  const std::uint64_t request = asked.request;
  const bool at_once = asked.at_once || !could_be_here(asked);
  queue_.add(std::move(asked));
  serve();
  news_ = true;
  const auto left = queue_.find(owner, request);
  if (left == queue_.end() || !at_once) return;
  // Why not is told with it, so that the next plan is a better one.
  if (owner.node() != node_) tell(owner.node());
  send_refusal(out_, owner, request, left->asked.count, {});
  queue_.erase(left);
}

/// A request for a lease in a group: to who knows all groups; from there to a node of its bundles,
/// where it waits. For one that may be in any of them room is looked for elsewhere meanwhile.
void scheduler::place_in_group(wire::lease_request asked) {
  if (asked.hops < limits_.hops_max) {
    if (groups_) return groups_->on_request(std::move(asked));
    return peers_.send_request(out_, 0, asked);
  }
  if (!could_be_here(asked))
    return send_back(std::move(asked), placement_groups::came_back_impossible);
  const wire::process_id owner = asked.owner;
  const std::uint64_t request = asked.request;
  queue_.add(std::move(asked));
  serve();
  const auto left = queue_.find(owner, request);
  if (left == queue_.end()) return;
  wire::send(out_, owner, wire::lease_queued{request, left->asked.count});
  if (waits_for_any(left->asked, left->asked.where.group))
    want_room(left->asked.where.group, left->asked.demand);
}

bool scheduler::waits_for_any(const wire::lease_request& one, wire::group_id group) const {
  return one.kind != wire::lease_kind::bundle && one.where.group == group &&
         one.where.bundle == wire::placement::any_bundle;
}

void scheduler::on_bundle_wanted(wire::process_id from, const wire::bundle_wanted& asked) {
  if (groups_ && from != self_) return groups_->on_wanted(from.node(), asked);
  auto& demands = wanted_[asked.group];
  if (std::ranges::find(demands, asked.demand) == demands.end()) demands.push_back(asked.demand);
  tell_of_room();
}

/// Of room in bundles that nobody here waits for.
void scheduler::tell_of_room() {
  for (auto at = wanted_.begin(); at != wanted_.end();) {
    const auto& [group, demands] = *at;
    wire::placement any;
    any.how = wire::placement_kind::group;
    any.group = group;
    bool is_here = false, is_waited_for = false;
    for (const auto& [seat, number] : bundles_) is_here = is_here || books_.admits(seat, any);
    for (auto one = queue_.begin(); one != queue_.end(); ++one)
      is_waited_for = is_waited_for || (one->asked.kind != wire::lease_kind::bundle &&
                                        one->asked.where.group == group);
    if (is_here && !is_waited_for) {
      std::erase_if(at->second, [&](const wire::resource_amounts& demand) {
        if (books_.seat_for(demand, any) < 0) return false;
        const wire::bundle_room news{group, demand, node_};
        groups_ ? groups_->on_room(news)
                : wire::send(out_, wire::process_id::scheduler_of(0), news);
        return true;
      });
    }
    at = demands.empty() || !is_here ? wanted_.erase(at) : std::next(at);
  }
}

/// One that waits here goes there.
void scheduler::on_bundle_room(wire::process_id from, const wire::bundle_room& news) {
  if (groups_ && from != self_) return groups_->on_room(news);
  const auto waiting = [&] {
    return std::find_if(queue_.begin(), queue_.end(), [&](const waiting_request& one) {
      return waits_for_any(one.asked, news.group) && one.asked.demand == news.demand;
    });
  };
  const auto first = waiting();
  if (first == queue_.end()) return;
  wire::lease_request one = first->asked;
  one.count = 1;
  peers_.send_request(out_, news.node, one);
  if (--first->asked.count == 0) queue_.erase(first);
  if (waiting() != queue_.end()) want_room(news.group, news.demand);
}

/// Where else in the group there is room for what waits here.
void scheduler::want_room(wire::group_id group, const wire::resource_amounts& demand) {
  const wire::bundle_wanted asked{group, demand};
  if (groups_) return groups_->on_wanted(node_, asked);
  wire::send(out_, wire::process_id::scheduler_of(0), asked);
}

void scheduler::send_back(wire::lease_request asked, std::uint8_t why) {
  asked.hops = why;
  if (std::ranges::count(asked.visited, node_) == 0) asked.visited.push_back(node_);
  peers_.send_request(out_, 0, asked);
}

void scheduler::grant_bundle(const waiting_request& wanted, std::uint32_t seat) {
  const wire::lease_request& asked = wanted.asked;
  lease& granted = new_lease(wanted, seat);
  granted.granted_at_ns = now_ns_;
  granted.set.devices = books_.devices_of(seat).find(asked.held.gpus).value();
  books_.take_from(seat, granted.held, granted.set.devices);
  granted.inside = books_.add_bundle(asked.where, seat, granted.held, granted.set.devices);
  bundles_[granted.inside] = granted.number;
  beside_actors_.clear();  // there is a seat that has not been looked at
  news_ = true;
  wire::lease_grant message;
  message.request = asked.request;
  message.lease = {self_, granted.number};
  wire::send(out_, asked.owner, message);
}

scheduler::lease* scheduler::bundle_of_seat(std::uint32_t seat) {
  const auto found = bundles_.find(seat);
  return found == bundles_.end() ? nullptr : &leases_.at(found->second);
}

void scheduler::enter_bundle(lease& user) { ++bundle_of_seat(user.seat)->users; }

void scheduler::left_bundle(const lease& user) {
  lease& bundle = *bundle_of_seat(user.seat);
  --bundle.users;
  if (bundle.revoked) close_if_left(bundle);
}

/// Its holder has given it back: what waits for it, and who is in it, ends.
void scheduler::end_bundle(lease& bundle) {
  if (bundle.revoked) return;
  bundle.revoked = true;
  books_.close_bundle(bundle.inside);
  const wire::placement place = books_.place_of(bundle.inside);
  for (auto at = queue_.begin(); at != queue_.end();) {
    const bool mine = at->asked.kind != wire::lease_kind::bundle &&
                      at->asked.where.group == place.group && !could_be_here(at->asked);
    if (mine) send_back(at->asked, placement_groups::came_back);
    at = mine ? queue_.erase(at) : std::next(at);
  }
  const auto error =
      encoded(make_error(wire::error_code::infeasible, self_, "its placement group was removed"));
  const std::uint64_t number = bundle.number;
  std::vector<std::uint64_t> users;
  for (const auto& [each, one] : leases_)
    if (one.seat == bundle.inside) users.push_back(each);
  for (const std::uint64_t each : users) {
    lease& user = leases_.at(each);
    if (worker* const process = workers_.find(user.worker)) {
      process->ended_for = "its placement group was removed";
      workers_.end(*process);
      continue;
    }
    send_refusal(out_, user.owner, user.request, 1, error);
    end_lease(user);
  }
  if (lease* const left = find({self_, number})) close_if_left(*left);
}

void scheduler::close_if_left(lease& bundle) {
  if (bundle.users != 0) return;
  books_.remove_bundle(bundle.inside);
  bundles_.erase(bundle.inside);
  end_lease(bundle);
}

std::vector<plan_room> scheduler::rooms_here() const {
  std::vector<plan_room> rooms;
  const resource_set claimed = queue_.claimed() | (claims_.empty() ? 0 : cpus_bit);
  for (std::uint32_t seat = 0; seat < books_.size(); ++seat) {
    if (!books_.admits(seat, {})) continue;
    rooms.push_back(
        {node_, books_.total_of(seat), books_.free_of(seat), books_.devices_of(seat), claimed});
  }
  return rooms;
}

}  // namespace mobula::core
