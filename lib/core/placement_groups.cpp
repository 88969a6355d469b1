#include "core/placement_groups.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/errors.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::group_id;
using wire::node_id;
using wire::process_id;

namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
/// News come one after the other: so long they are gathered before all who wait are looked at.
constexpr std::uint64_t look_apart_ns = 1'000'000;
/// Of those who wait, the first so many are looked at.
constexpr std::size_t looked_at_max = 16;

const char* strategy_in_words(wire::group_strategy how) {
  switch (how) {
    case wire::group_strategy::strict_pack:
      return "all on one node (strict_pack)";
    case wire::group_strategy::strict_spread:
      return "each on a node of its own (strict_spread)";
    case wire::group_strategy::spread:
      return "spread over nodes (spread)";
    case wire::group_strategy::pack:
      break;
  }
  return "on as few nodes as can be (pack)";
}

}  // namespace

placement_groups::placement_groups(peer_nodes& peers, const ended_processes& ended,
                                   wire::outbox& out, group_limits limits)
    : peers_{peers},
      ended_{ended},
      out_{out},
      limits_{limits},
      self_{process_id::scheduler_of(peers.self())} {}

bool placement_groups::on_message(process_id from, wire::blob message) {
  if (const auto asked = wire::decode<wire::group_create>(message)) {
    on_create(from, *asked);
  } else if (const auto gone = wire::decode<wire::group_remove>(message)) {
    on_remove(from, *gone);
  } else if (!from.is_scheduler()) {
    return false;
  } else if (const auto granted = wire::decode<wire::lease_grant>(message)) {
    on_grant(*granted);
  } else if (const auto refused = wire::decode<wire::lease_refuse>(message)) {
    on_refuse(*refused);
  } else {
    return false;
  }
  return true;
}

placement_groups::group* placement_groups::find(group_id id) {
  const auto at = groups_.find(id);
  return at == groups_.end() ? nullptr : &at->second;
}

/// Not known; its maker's word of it may still be on its way.
bool placement_groups::may_come(group_id id) const {
  if (ended_.has(id.owner())) return false;
  const auto made = created_up_to_.find(id.owner());
  return made == created_up_to_.end() || made->second < id.sequence();
}

void placement_groups::on_create(process_id from, const wire::group_create& asked) {
  if (asked.group.owner() != from || !may_come(asked.group) || asked.bundles.empty()) return;
  created_up_to_[from] = asked.group.sequence();
  group& made = groups_[asked.group];
  made.id = asked.group;
  made.ready_ref = asked.ready;
  made.how = asked.strategy;
  for (const auto& amounts : asked.bundles) made.bundles.emplace_back().amounts = amounts;
  early_word early;
  if (const auto found = early_.extract(asked.group)) early = std::move(found.mapped());
  made.requests.insert(made.requests.end(), early.requests.begin(), early.requests.end());
  const group_plan ever = plan_of_all(made);
  if (!ever.nodes && ever.is_certain) {
    fail(made, infeasible(made));
  } else {
    wait_in_line(made);
    try_to_place(made);
  }
  for (const auto& [who, token] : early.removals) on_remove(who, {token, asked.group});
}

void placement_groups::wait_in_line(group& one) {
  one.waits_since_ns = now_ns_;
  one.gather_for_ns = limits_.gather_for_ns;
  if (std::ranges::find(line_, one.id) == line_.end()) line_.push_back(one.id);
}

group_plan placement_groups::plan(const group& one, std::vector<plan_room> rooms,
                                  bool thorough) const {
  std::vector<planned_bundle> bundles;
  for (const bundle& each : one.bundles) {
    bundles.push_back({each.amounts});
    if (each.placed) bundles.back().fixed = each.node;
  }
  return plan_group(one.how, bundles, std::move(rooms), thorough);
}

/// If nothing were there but what the group has already.
group_plan placement_groups::plan_of_all(const group& one) const {
  std::vector<plan_room> rooms = all_room();
  for (const bundle& each : one.bundles) {
    if (!each.placed) continue;
    const auto mine = std::ranges::find_if(rooms, [&](const plan_room& room) {
      return room.node == each.node && room.has(each.amounts);
    });
    if (mine == rooms.end()) continue;
    mine->put(each.amounts);
  }
  return plan(one, std::move(rooms), true);
}

void placement_groups::try_to_place(group& one) {
  if (one.asked != 0 || one.ready || now_ns_ < one.not_before_ns) return;
  const group_plan now = plan(one, free_room(), false);
  if (now.nodes) ask(one, *now.nodes, true);
}

void placement_groups::ask(group& one, const std::vector<node_id>& nodes, bool at_once) {
  for (std::size_t i = 0; i < one.bundles.size(); ++i) {
    bundle& each = one.bundles[i];
    if (each.placed) continue;
    each.node = nodes[i];
    each.request = ++last_request_;
    asked_[each.request] = {one.id, i};
    ++one.asked;
    wire::lease_request request;
    request.owner = self_;
    request.request = each.request;
    request.kind = wire::lease_kind::bundle;
    request.at_once = at_once;
    request.hops = limits_.hops_max;
    request.demand = request.held = each.amounts;
    request.where.how = wire::placement_kind::group;
    request.where.group = one.id;
    request.where.bundle = static_cast<std::uint32_t>(i);
    if (each.node != peers_.self()) peers_.sent(each.node, each.amounts, 1);
    wire::send(out_, process_id::scheduler_of(each.node), request);
  }
}

void placement_groups::on_grant(const wire::lease_grant& granted) {
  const auto found = asked_.extract(granted.request);
  // It was given up meanwhile.
  if (!found) {
    wire::send(out_, granted.lease.granter, wire::lease_return{granted.lease});
    return;
  }
  group& one = groups_.at(found.mapped().first);
  bundle& mine = one.bundles[found.mapped().second];
  mine.request = 0;
  mine.lease = granted.lease;
  --one.asked;
  answered(one);
}

void placement_groups::on_refuse(const wire::lease_refuse& refused) {
  const auto found = asked_.extract(refused.request);
  if (!found) return;
  group& one = groups_.at(found.mapped().first);
  one.bundles[found.mapped().second].request = 0;
  one.not_before_ns = now_ns_ + limits_.retry_every_ns;
  --one.asked;
  answered(one);
}

void placement_groups::answered(group& one) {
  if (one.asked != 0) return;
  const bool all = std::ranges::all_of(
      one.bundles, [](const bundle& each) { return static_cast<bool>(each.lease); });
  all ? placed(one) : give_up(one);
}

/// All of it, or nothing: what it has is given back, but for what is in use.
void placement_groups::give_up(group& one) {
  for (bundle& each : one.bundles)
    if (!each.placed) let_go(each);
  one.asked = 0;
  if (gathering_ == one.id) gathering_.reset();
}

void placement_groups::let_go(bundle& one) {
  if (one.request != 0) {
    asked_.erase(one.request);
    wire::send(out_, process_id::scheduler_of(one.node), wire::lease_update{self_, one.request, 0});
    one.request = 0;
  }
  if (one.lease) {
    wire::send(out_, one.lease.granter, wire::lease_return{one.lease});
    one.lease = {};
  }
  one.placed = false;
}

void placement_groups::placed(group& one) {
  one.ready = true;
  std::erase(line_, one.id);
  if (gathering_ == one.id) gathering_.reset();
  wire::group_ready news;
  news.ready = one.ready_ref;
  for (bundle& each : one.bundles) {
    each.placed = true;
    news.nodes.push_back(each.node);
  }
  if (!std::exchange(one.told, true)) wire::send(out_, one.id.owner(), news);
  serve_requests(one);
  for (const want& each : one.wants) ask_for_room(one, each);
}

void placement_groups::fail(group& one, const wire::error_value& why) {
  if (!std::exchange(one.told, true)) {
    const auto error = encoded(why);
    wire::group_ready news;
    news.ready = one.ready_ref;
    news.error = error;
    wire::send(out_, one.id.owner(), news);
  }
  remove(one, why);
}

void placement_groups::remove(group& one, const wire::error_value& why) {
  for (const wire::lease_request& each : one.requests) refuse(each, why);
  for (bundle& each : one.bundles) let_go(each);
  std::erase(line_, one.id);
  if (gathering_ == one.id) gathering_.reset();
  groups_.erase(group_id{one.id});
}

void placement_groups::on_remove(process_id from, const wire::group_remove& asked) {
  group* const one = find(asked.group);
  if (!one && may_come(asked.group)) {
    early_[asked.group].removals.emplace_back(from, asked.token);
    return;
  }
  if (one) fail(*one, gone());
  wire::send(out_, from, wire::group_removed{asked.token, one != nullptr});
}

void placement_groups::process_ended(process_id ended) {
  const auto of_it = [ended](process_id one) { return wire::ends_with(one, ended); };
  const auto drop_requests = [&](auto& requests) {
    std::erase_if(requests, [&](const auto& each) { return of_it(each.owner); });
  };
  std::vector<group_id> ended_groups;
  for (auto& [id, one] : groups_) {
    drop_requests(one.requests);
    if (of_it(id.owner())) ended_groups.push_back(id);
  }
  for (const group_id id : ended_groups) remove(groups_.at(id), gone());
  for (auto at = early_.begin(); at != early_.end();) {
    if (!of_it(at->first.owner())) {
      ++at;
      continue;
    }
    for (const wire::lease_request& each : at->second.requests)
      if (!of_it(each.owner)) refuse(each, gone());
    for (const auto& [who, token] : at->second.removals)
      wire::send(out_, who, wire::group_removed{token, false});
    at = early_.erase(at);
  }
  std::erase_if(created_up_to_, [&](const auto& one) { return of_it(one.first); });
  for (auto& [id, one] : early_) drop_requests(one.requests);
  if (ended.is_scheduler()) node_ended(ended.node());
}

void placement_groups::node_ended(node_id node) {
  std::vector<group_id> hurt;
  for (auto& [id, one] : groups_) {
    bool lost = false;
    for (want& each : one.wants) std::erase(each.at, node);
    std::erase_if(one.wants, [](const want& each) { return each.at.empty(); });
    for (bundle& each : one.bundles) {
      if (each.node != node || (each.request == 0 && !each.lease)) continue;
      if (each.request != 0) {
        asked_.erase(std::exchange(each.request, 0));
        --one.asked;
      }
      each.lease = {};
      each.placed = false;
      lost = true;
    }
    if (lost) hurt.push_back(id);
  }
  for (const group_id id : hurt) {
    group& one = groups_.at(id);
    one.ready = false;
    wait_in_line(one);
    if (one.asked == 0) give_up(one);
    const group_plan ever = plan_of_all(one);
    if (!ever.nodes && ever.is_certain) fail(one, infeasible(one));
  }
}

std::uint64_t placement_groups::look_due_ns() const {
  return looked_ns_ + (look_now_ ? look_apart_ns : limits_.retry_every_ns);
}

void placement_groups::look_for_room() {
  look_now_ = false;
  looked_ns_ = now_ns_;
  std::size_t looked_at = 0;
  for (const group_id id : std::vector<group_id>(line_.begin(), line_.end())) {
    if (++looked_at > looked_at_max) break;
    if (group* const one = find(id)) try_to_place(*one);
  }
}

std::vector<plan_room> placement_groups::free_room() const {
  std::vector<plan_room> rooms = own_room();
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const auto node = static_cast<node_id>(i);
    const peer_nodes::peer& one = peers_[node];
    if (node == peers_.self() || !one.alive) continue;
    rooms.push_back({node, one.total, one.free, device_books::of_room(one.gpus), one.lacking});
  }
  return rooms;
}

/// If all of it were free; what is emptiest now comes first.
std::vector<plan_room> placement_groups::all_room() const {
  std::vector<std::pair<double, node_id>> by_load;
  for (const plan_room& now : free_room()) {
    if (!by_load.empty() && by_load.back().second == now.node) continue;
    by_load.emplace_back(load_with(now.total, now.free, now.total), now.node);
  }
  std::ranges::stable_sort(by_load);
  std::vector<plan_room> rooms;
  for (const auto& [load, node] : by_load) {
    const peer_nodes::peer& one = peers_[node];
    for (std::size_t seat = 0; seat < one.seats.size(); ++seat)
      rooms.push_back({node, one.seats[seat], one.seats[seat], one.devices[seat]});
  }
  return rooms;
}

void placement_groups::begin_gathering() {
  const auto due = std::ranges::find_if(line_, [this](group_id id) {
    const group& one = groups_.at(id);
    return one.asked == 0 && now_ns_ - one.waits_since_ns >= limits_.gather_after_ns;
  });
  if (due == line_.end()) return;
  group& one = groups_.at(*due);
  const group_plan ever = plan_of_all(one);
  if (!ever.nodes) return wait_in_line(one);
  gathering_ = one.id;
  gathers_until_ns_ = now_ns_ + one.gather_for_ns;
  one.gather_for_ns = std::min(2 * one.gather_for_ns, limits_.gather_for_ns_max);
  ask(one, *ever.nodes, false);
}

/// The next one's turn.
void placement_groups::stop_gathering() {
  group& one = groups_.at(*gathering_);
  const std::uint64_t longer = one.gather_for_ns;
  give_up(one);
  std::erase(line_, one.id);
  wait_in_line(one);
  one.gather_for_ns = longer;
}

wire::error_value placement_groups::infeasible(const group& one) const {
  std::string text = "the nodes of this job can't hold a placement group of " +
                     std::to_string(one.bundles.size()) + " bundles, ";
  text += strategy_in_words(one.how);
  const bundle& first = *std::ranges::max_element(one.bundles, [](const auto& a, const auto& b) {
    return fits(a.amounts, b.amounts) && !fits(b.amounts, a.amounts);
  });
  const node_id nearest = peers_.nearest(first.amounts);
  text += ", even when nothing else runs there: the largest bundle is " + to_text(first.amounts) +
          ", the largest node for it is node " + std::to_string(nearest) + " (" +
          peers_[nearest].host + ") with " + to_text(peers_[nearest].total) +
          " in all, and there " +
          (peers_.alive() == 1 ? "is 1 node" : "are " + std::to_string(peers_.alive()) + " nodes") +
          ". Ask for fewer or smaller bundles, or start the job with more.";
  return make_error(wire::error_code::infeasible, self_, text);
}

wire::error_value placement_groups::gone() const {
  return make_error(wire::error_code::infeasible, self_,
                    "the placement group is no more: it was removed, or the process that made it "
                    "has ended, or there was never room for it. Make it again.");
}

std::uint64_t placement_groups::next_deadline_ns() const {
  if (line_.empty()) return never;
  if (gathering_) return std::min(look_due_ns(), gathers_until_ns_);
  std::uint64_t next = look_due_ns();
  for (const group_id id : line_) {
    const group& one = groups_.at(id);
    if (one.asked == 0) next = std::min(next, one.waits_since_ns + limits_.gather_after_ns);
  }
  return next;
}

void placement_groups::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (line_.empty()) return;
  if (gathering_ && now_ns >= gathers_until_ns_) stop_gathering();
  if (now_ns >= look_due_ns()) look_for_room();
  if (!gathering_) begin_gathering();
}

}  // namespace mobula::core
