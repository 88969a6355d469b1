#include "core/deadlock_finder.hpp"

#include <algorithm>
#include <limits>

#include "core/deadlock_text.hpp"
#include "core/waits.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

deadlock_finder::deadlock_finder(process_id self, owner& owns, executor& runs, deadlock_host& host,
                                 wire::outbox& out, deadlock_limits limits)
    : self_{self}, owner_{owns}, executor_{runs}, host_{host}, out_{out}, limits_{limits} {}

void deadlock_finder::tick(std::uint64_t now_ns) {
  if (executor_.suspended_count() == 0) {
    if (look_at_ns_ != 0) rest();
    return;
  }
  now_ns_ = now_ns;
  if (doing_ != doing::nothing && now_ns >= give_up_at_ns_) drop();
  if (now_ns < look_at_ns_) return;
  const bool begins = look_at_ns_ == 0;
  look_at_ns_ = now_ns + std::max<std::uint64_t>(1, limits_.after_ns / looks_per_wait);
  ++looks_;
  const std::uint64_t old = std::exchange(begun_by_[looks_ % looks_per_wait], executor_.waits());
  // What is being found out is finished first.
  if (begins || old == 0 || doing_ != doing::nothing) return;
  candidates_.clear();
  executor_.look_at_suspended([&](attempt& one) {
    if (!one.limited && one.wait <= old && one.looked + looks_per_wait <= looks_)
      candidates_.push_back({&one, one.wait});
  });
  look();
}

// Nothing waits any more.
void deadlock_finder::rest() {
  drop();
  candidates_.clear();
  begun_by_.fill(0);
  look_at_ns_ = 0;
}

void deadlock_finder::look() {
  std::ranges::reverse(candidates_);
  seen_waits_.clear();
  points_seen_ = 0;
  explore_next();
}

std::uint64_t deadlock_finder::next_deadline_ns() const {
  if (executor_.suspended_count() == 0) return std::numeric_limits<std::uint64_t>::max();
  return doing_ == doing::nothing ? look_at_ns_ : std::min(look_at_ns_, give_up_at_ns_);
}

void deadlock_finder::drop() {
  doing_ = doing::nothing;
  ++round_;
  pending_.clear();
}

void deadlock_finder::process_ended(process_id ended) {
  if (doing_ == doing::nothing) return;
  for (wait_graph::index i = 0; i < graph_.size(); ++i) {
    if (wire::ends_with(graph_[i].point.asked, ended)) return drop();
  }
}

void deadlock_finder::explore_next() {
  while (doing_ == doing::nothing && !candidates_.empty() && points_seen_ < limits_.points_max) {
    const auto [one, wait] = candidates_.back();
    candidates_.pop_back();
    if (one->state != attempt_state::suspended || one->wait != wait) continue;
    one->looked = looks_;
    if (seen_waits_.contains(wait)) continue;
    doing_ = doing::exploring;
    ++round_;
    give_up_at_ns_ = now_ns_ + limits_.patience_ns;
    graph_ = wait_graph{limits_.points_max};
    unanswered_ = 0;
    pending_.push_back(*graph_.add(point_of(*one, self_)));
    ask_pending();
  }
}

void deadlock_finder::ask_pending() {
  while (!pending_.empty()) {
    const wait_graph::index next = pending_.back();
    pending_.pop_back();
    ask(next);
  }
  if (unanswered_ == 0) answers_are_in();
}

void deadlock_finder::ask(wait_graph::index about) {
  const wire::wait_point& point = graph_[about].point;
  if (point.asked == self_) return take(about, answer_wait(owner_, &executor_, point));
  ++unanswered_;
  wire::send(out_, point.asked, wire::wait_query{std::uint64_t{round_} << 32 | about, point});
}

void deadlock_finder::take(wait_graph::index about, wire::wait_reply said) {
  if (doing_ == doing::confirming) {
    const auto at = std::ranges::find(knot_.members, about) - knot_.members.begin();
    again_[static_cast<std::size_t>(at)] = std::move(said);
    return;
  }
  const wire::wait_point& point = graph_[about].point;
  if (point.kind == wire::wait_kind::attempt && point.asked == self_)
    seen_waits_.insert(said.stamp);
  const auto fresh = graph_.answer(about, std::move(said));
  pending_.insert(pending_.end(), fresh.begin(), fresh.end());
}

void deadlock_finder::on_message(process_id from, wire::blob message) {
  auto said = wire::decode<wire::wait_reply>(message);
  if (!said || doing_ == doing::nothing || said->token >> 32 != round_) return;
  const auto about = static_cast<wait_graph::index>(said->token);
  if (about >= graph_.size() || graph_[about].point.asked != from) return;
  if (is_answered(about)) return;
  --unanswered_;
  give_up_at_ns_ = now_ns_ + limits_.patience_ns;
  take(about, std::move(*said));
  ask_pending();
  explore_next();
}

bool deadlock_finder::is_answered(wait_graph::index about) const {
  if (doing_ == doing::exploring) return graph_[about].said.has_value();
  const auto at = std::ranges::find(knot_.members, about);
  return at == knot_.members.end() ||
         again_[static_cast<std::size_t>(at - knot_.members.begin())].has_value();
}

void deadlock_finder::answers_are_in() {
  if (doing_ == doing::confirming) return act();
  points_seen_ += graph_.size();
  for (const auto& one : graph_.knots()) {
    if (graph_[one.victim].point.asked == self_) return confirm(one);
  }
  drop();
}

void deadlock_finder::confirm(const wait_graph::knot& one) {
  doing_ = doing::confirming;
  ++round_;
  knot_ = one;
  again_.assign(one.members.size(), std::nullopt);
  pending_ = one.members;
  ask_pending();
}

void deadlock_finder::act() {
  std::vector<wire::wait_reply> again;
  for (auto& one : again_) again.push_back(std::move(*one));
  const bool holds = graph_.confirmed(knot_.members, again);
  const wait_graph::node& where = graph_[knot_.victim];
  attempt* victim = executor_.find_suspended(where.point);
  drop();
  if (!holds || !victim || victim->wait != where.said->stamp) return;
  ++found_;
  const auto name = [this](wire::function_id function) { return host_.name_of(function); };
  host_.fail(*victim, deadlock_text(graph_, graph_.cycle(knot_.victim), name));
}

}  // namespace mobula::core
