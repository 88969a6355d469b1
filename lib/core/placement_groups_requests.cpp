// Requests for leases in a group: they wait here until it is placed, then go to its bundles' nodes.

#include <algorithm>
#include <set>
#include <utility>

#include "core/errors.hpp"
#include "core/placement_groups.hpp"
#include "core/refusals.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::node_id;
using wire::process_id;

void placement_groups::refuse(const wire::lease_request& asked, const wire::error_value& why) {
  send_refusal(out_, asked.owner, asked.request, asked.count, encoded(why));
}

void placement_groups::on_request(wire::lease_request asked) {
  group* const one = find(asked.where.group);
  const wire::lease_queued queued{asked.request, asked.count};
  const process_id owner = asked.owner;
  if (!one && !may_come(asked.where.group)) return refuse(asked, gone());
  if (asked.hops == came_back) asked.visited.clear();
  if (one && pass_on(*one, asked)) return;
  const auto add_to = [&](auto& requests) {
    const auto same = std::ranges::find_if(requests, [&](const wire::lease_request& each) {
      return each.owner == asked.owner && each.request == asked.request;
    });
    if (same == requests.end()) {
      requests.push_back(std::move(asked));
    } else {
      same->count += asked.count;
    }
  };
  if (one) {
    add_to(one->requests);
  } else {
    add_to(early_[asked.where.group].requests);
  }
  wire::send(out_, owner, queued);
}

/// @returns false: it has to wait
bool placement_groups::pass_on(group& one, wire::lease_request& asked) {
  if (const auto why = misfit(one, asked)) {
    refuse(asked, *why);
    return true;
  }
  for (std::size_t i = 0; i < one.bundles.size(); ++i) {
    const std::size_t at = (one.next_bundle + i) % one.bundles.size();
    const bundle& each = one.bundles[at];
    const bool mine = asked.where.admits(one.id, static_cast<std::uint32_t>(at));
    if (!mine || !each.placed || !fits(asked.demand, each.amounts)) continue;
    if (std::ranges::count(asked.visited, each.node) != 0) continue;
    if (asked.where.bundle == wire::placement::any_bundle) one.next_bundle = at + 1;
    asked.hops = limits_.hops_max;
    peers_.send_request(out_, each.node, asked);
    return true;
  }
  if (asked.hops != came_back_impossible || !one.ready) return false;
  refuse(asked, make_error(wire::error_code::infeasible, self_,
                           "no bundle of the placement group can have " + to_text(asked.demand) +
                               ": its GPUs can't be shared"));
  return true;
}

/// Why no bundle of the group will ever do, if so.
std::optional<wire::error_value> placement_groups::misfit(const group& one,
                                                          const wire::lease_request& asked) const {
  const auto bundle_of = [&](std::size_t at) {
    return asked.where.admits(one.id, static_cast<std::uint32_t>(at));
  };
  const bundle* largest = nullptr;
  bool room_for_it = false;
  for (std::size_t at = 0; at < one.bundles.size(); ++at) {
    if (!bundle_of(at)) continue;
    const bundle& each = one.bundles[at];
    room_for_it = room_for_it || fits(asked.demand, each.amounts);
    if (!largest || fits(largest->amounts, each.amounts)) largest = &each;
  }
  if (room_for_it) return std::nullopt;
  std::string text = "no bundle of the placement group can have " + to_text(asked.demand);
  if (!largest) {
    text += ": it has bundles 0 to " + std::to_string(one.bundles.size() - 1) + ", and number " +
            std::to_string(asked.where.bundle) + " was asked for";
  } else {
    text += ", which " +
            std::string{asked.kind == wire::lease_kind::actor ? "an actor" : "a task"} +
            " asks for there; the largest has " + to_text(largest->amounts) +
            ". Ask for less, or make a group of larger bundles.";
  }
  return make_error(wire::error_code::infeasible, self_, text);
}

void placement_groups::serve_requests(group& one) {
  for (auto at = one.requests.begin(); at != one.requests.end();)
    at = pass_on(one, *at) ? one.requests.erase(at) : std::next(at);
}

bool placement_groups::on_update(const wire::lease_update& asked) {
  const auto same = [&](const wire::lease_request& one) {
    return one.owner == asked.owner && one.request == asked.request;
  };
  const auto update = [&](auto& requests) {
    const auto at = std::ranges::find_if(requests, same);
    if (at == requests.end()) return false;
    at->count = asked.count;
    if (asked.count == 0) requests.erase(at);
    return true;
  };
  return std::ranges::any_of(groups_, [&](auto& one) { return update(one.second.requests); }) ||
         std::ranges::any_of(early_, [&](auto& one) { return update(one.second.requests); });
}

void placement_groups::on_wanted(node_id at, const wire::bundle_wanted& asked) {
  group* const one = find(asked.group);
  if (!one) return;
  auto same = std::ranges::find(one->wants, asked.demand, &want::demand);
  if (same == one->wants.end()) same = one->wants.insert(same, {asked.demand, {}});
  if (std::ranges::count(same->at, at) == 0) same->at.push_back(at);
  ask_for_room(*one, *same);
}

/// At all nodes but those where it waits already.
void placement_groups::ask_for_room(const group& one, const want& what) const {
  std::set<node_id> nodes;
  for (const bundle& each : one.bundles) {
    if (each.placed && fits(what.demand, each.amounts) &&
        std::ranges::count(what.at, each.node) == 0)
      nodes.insert(each.node);
  }
  for (const node_id node : nodes)
    wire::send(out_, process_id::scheduler_of(node), wire::bundle_wanted{one.id, what.demand});
}

void placement_groups::on_room(const wire::bundle_room& news) {
  group* const one = find(news.group);
  if (!one) return;
  const auto same = std::ranges::find(one->wants, news.demand, &want::demand);
  if (same == one->wants.end()) return;
  std::erase(same->at, news.node);
  if (!same->at.empty()) {
    wire::send(out_, process_id::scheduler_of(same->at.front()), news);
    same->at.erase(same->at.begin());
  }
  // The one that has heard asks again if more waits there.
  if (same->at.empty()) {
    one->wants.erase(same);
  } else {
    ask_for_room(*one, *same);
  }
}

}  // namespace mobula::core
