#include "core/wait_graph.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <set>
#include <utility>

namespace mobula::core {
namespace {

using index = wait_graph::index;

/// Groups points that reach each other (Tarjan, without recursion: chains may be long). A group
/// comes after all groups that it reaches.
class groups {
 public:
  groups(const wait_graph& of, const std::vector<bool>& among)
      : of_{of}, among_{among}, states_(of.size()) {
    for (index i = 0; i < of.size(); ++i) {
      if (among[i] && states_[i].order == 0) visit(i);
    }
  }
  const std::vector<std::vector<index>>& all() const { return found_; }
  std::size_t group_of(index i) const { return states_[i].group; }

 private:
  struct state {
    std::uint32_t order = 0;   // of discovery, from 1; 0: not seen
    std::uint32_t lowest = 0;  // order that it reaches without leaving what is open
    std::uint32_t next = 0;    // edge to follow
    std::size_t group = 0;
    bool open = false;
  };

  void enter(index i) {
    states_[i].order = states_[i].lowest = ++seen_;
    states_[i].open = true;
    open_.push_back(i);
    path_.push_back(i);
  }
  void visit(index first) {
    enter(first);
    while (!path_.empty()) {
      const index at = path_.back();
      state& mine = states_[at];
      if (mine.next == of_[at].on.size()) {
        leave(at);
        continue;
      }
      const index to = of_[at].on[mine.next++];
      if (!among_[to]) continue;
      if (states_[to].order == 0) {
        enter(to);
      } else if (states_[to].open) {
        mine.lowest = std::min(mine.lowest, states_[to].order);
      }
    }
  }
  void leave(index at) {
    path_.pop_back();
    const state& mine = states_[at];
    if (!path_.empty()) {
      state& before = states_[path_.back()];
      before.lowest = std::min(before.lowest, mine.lowest);
    }
    if (mine.lowest != mine.order) return;
    auto& group = found_.emplace_back();
    for (index member = 0; group.empty() || member != at;) {
      member = open_.back();
      open_.pop_back();
      states_[member].open = false;
      states_[member].group = found_.size() - 1;
      group.push_back(member);
    }
  }

  const wait_graph& of_;
  const std::vector<bool>& among_;
  std::vector<state> states_;
  std::uint32_t seen_ = 0;
  std::vector<index> open_;
  std::vector<index> path_;
  std::vector<std::vector<index>> found_;
};

}  // namespace

std::optional<index> wait_graph::add(const wire::wait_point& point) {
  if (const auto found = known_.find(point); found != known_.end()) return found->second;
  if (nodes_.size() >= points_max_) return std::nullopt;
  const auto made = static_cast<index>(nodes_.size());
  known_.emplace(point, made);
  nodes_.push_back({point, std::nullopt, {}});
  return made;
}

std::vector<index> wait_graph::answer(index of, wire::wait_reply said) {
  // Somebody must hold it up.
  if (said.on.empty()) said.needed = 0;
  std::vector<index> fresh;
  std::vector<index> on;
  for (const wire::wait_point& point : said.on) {
    const std::size_t before = nodes_.size();
    const auto there = add(point);
    if (!there) continue;
    on.push_back(*there);
    if (nodes_.size() != before) fresh.push_back(*there);
  }
  nodes_[of].on = std::move(on);
  nodes_[of].said = std::move(said);
  return fresh;
}

std::vector<bool> wait_graph::stuck() const {
  std::vector<bool> is_stuck(nodes_.size(), true);
  std::vector<std::size_t> going(nodes_.size());  // of those that it waits for
  std::vector<std::vector<index>> waiters(nodes_.size());
  std::vector<index> told;
  const auto look_at = [&](index i) {
    const node& one = nodes_[i];
    if (!is_stuck[i] || (one.said && going[i] < one.said->needed)) return;
    is_stuck[i] = false;
    told.push_back(i);
  };
  for (index i = 0; i < nodes_.size(); ++i) {
    for (const index to : nodes_[i].on) waiters[to].push_back(i);
    if (nodes_[i].said) going[i] = nodes_[i].said->on.size() - nodes_[i].on.size();
  }
  for (index i = 0; i < nodes_.size(); ++i) look_at(i);
  while (!told.empty()) {
    const index one = told.back();
    told.pop_back();
    for (const index waiter : waiters[one]) {
      ++going[waiter];
      look_at(waiter);
    }
  }
  return is_stuck;
}

bool wait_graph::undoable(knot& one) const {
  bool found = false;
  for (const index member : one.members) {
    if (!nodes_[member].said->can_fail) continue;
    if (!found || nodes_[member].point.object < nodes_[one.victim].point.object)
      one.victim = member;
    found = true;
  }
  return found;
}

std::vector<wait_graph::knot> wait_graph::knots() const {
  const std::vector<bool> among = stuck();
  const groups all{*this, among};
  std::vector<knot> found;
  for (std::size_t i = 0; i < all.all().size(); ++i) {
    knot one{all.all()[i]};
    const bool ends_here = std::ranges::all_of(one.members, [&](index member) {
      return std::ranges::all_of(nodes_[member].on,
                                 [&](index to) { return !among[to] || all.group_of(to) == i; });
    });
    if (ends_here && undoable(one)) found.push_back(std::move(one));
  }
  return found;
}

bool wait_graph::confirmed(std::span<const index> members,
                           std::span<const wire::wait_reply> again) const {
  wait_graph now{members.size()};
  for (const index member : members) now.add(nodes_[member].point);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const wire::wait_reply& before = *nodes_[members[i]].said;
    if (again[i].stamp != before.stamp) return false;
    // What it waits for now but not then need not have held it up in between.
    const std::set<wire::wait_point> then(before.on.begin(), before.on.end());
    const bool the_same = std::ranges::all_of(
        again[i].on, [&](const wire::wait_point& point) { return then.contains(point); });
    if (!the_same) return false;
    now.answer(static_cast<index>(i), again[i]);
  }
  const auto still = now.stuck();
  return std::ranges::all_of(still, [](bool one) { return one; });
}

std::vector<index> wait_graph::cycle(index member) const {
  const auto among = stuck();
  constexpr index nowhere = std::numeric_limits<index>::max();
  std::vector<index> from(nodes_.size(), nowhere);
  std::deque<index> next{member};
  while (!next.empty()) {
    const index at = next.front();
    next.pop_front();
    for (const index to : nodes_[at].on) {
      if (!among[to] || from[to] != nowhere) continue;
      from[to] = at;
      if (to != member) {
        next.push_back(to);
        continue;
      }
      std::vector<index> way;
      for (index back = at; back != member; back = from[back]) way.push_back(back);
      way.push_back(member);
      std::ranges::reverse(way);
      return way;
    }
  }
  return {member};
}

}  // namespace mobula::core
