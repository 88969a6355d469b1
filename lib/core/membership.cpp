#include "core/membership.hpp"

#include <algorithm>
#include <limits>

#include "wire/codec.hpp"

namespace mobula::core {

using wire::node_id;
using wire::process_id;

namespace {

constexpr node_id first_node = 0;
constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

accusations::limits limits_for(std::uint64_t silence_ns) {
  const std::uint64_t beat_ns = silence_ns / membership::beats;
  return {.answer_ns = silence_ns / 2, .forget_ns = 4 * beat_ns, .endure_ns = 2 * silence_ns};
}

// 0: never, for there is nobody to hear it, or nobody who would mind the silence.
std::uint64_t beat_of(std::size_t nodes, std::uint64_t silence_ns) {
  if (nodes <= 1 || silence_ns == 0) return 0;
  return std::max<std::uint64_t>(silence_ns / membership::beats, 1);
}

}  // namespace

membership::membership(node_id self, std::size_t nodes, wire::outbox& out, membership_limits limits)
    : self_{self},
      out_{out},
      silence_ns_{limits.silence_ns},
      beat_ns_{beat_of(nodes, limits.silence_ns)},
      watchers_{nodes},
      my_watchers_{watchers_.of(self)},
      accusations_{limits_for(limits.silence_ns)} {}

bool membership::on_message(process_id from, wire::blob message) {
  const bool is_ours = from.is_scheduler() && watchers_.is_alive(from.node()) && !is_off();
  switch (wire::type_of(message)) {
    case wire::message_type::heartbeat:
      if (const auto said = wire::decode<wire::heartbeat>(message); said && is_ours)
        on_heartbeat(from.node(), *said);
      return true;
    case wire::message_type::node_silent:
      if (const auto said = wire::decode<wire::node_silent>(message); said && is_ours)
        accuse(said->node, from.node());
      return true;
    default:
      return false;
  }
}

void membership::on_heartbeat(node_id from, const wire::heartbeat& said) {
  if (const auto watched = heard_ns_.find(from); watched != heard_ns_.end())
    watched->second = clock_ns_;
  if (said.answer) wire::send(out_, process_id::scheduler_of(from), wire::heartbeat{pulse_});
  if (self_ == first_node) return accusations_.heard(from);
  if (said.pulse <= pulse_) return;
  pulse_ = said.pulse;
  pulse_heard_ns_ = clock_ns_;
  beat();
}

/// At node 0.
void membership::accuse(node_id node, node_id by) {
  const bool is_possible = watchers_.is_alive(node) && node != by && node != first_node;
  if (self_ != first_node || !is_possible) return;
  if (accusations_.accuse(node, by, clock_ns_))
    wire::send(out_, process_id::scheduler_of(node), wire::heartbeat{pulse_, true});
}

void membership::died(node_id node) {
  if (!watchers_.is_alive(node) || node == self_) return;
  watchers_.died(node);
  accusations_.died(node);
  my_watchers_ = watchers_.of(self_);
  choose_watched();
}

/// Those that are new are heard of from now on.
void membership::choose_watched() {
  std::map<node_id, std::uint64_t> chosen;
  for (const node_id one : watchers_.watched_by(self_)) {
    const auto before = heard_ns_.find(one);
    chosen[one] = before == heard_ns_.end() ? clock_ns_ : before->second;
  }
  heard_ns_ = std::move(chosen);
}

void membership::tick(std::uint64_t now_ns) {
  if (is_off()) return;
  if (clock_ns_ == 0) {
    now_ns_ = now_ns;
    clock_ns_ = next_beat_ns_ = pulse_heard_ns_ = beat_ns_;
    choose_watched();
  }
  clock_ns_ += std::min(now_ns - now_ns_, 2 * beat_ns_);
  now_ns_ = now_ns;
  if (clock_ns_ >= next_beat_ns_) beat();
}

void membership::beat() {
  const bool counts = self_ == first_node;
  if (counts) ++pulse_;
  for (const node_id one : my_watchers_)
    wire::send(out_, process_id::scheduler_of(one), wire::heartbeat{pulse_});
  // Others beat when they hear of node 0's, and by themselves only when that fails to come.
  next_beat_ns_ = clock_ns_ + (counts ? beat_ns_ : beat_ns_ + beat_ns_ / 2);
  look_for_the_silent();
  counts ? judge() : look_for_the_driver();
}

void membership::look_for_the_silent() {
  for (const auto& [node, heard] : heard_ns_) {
    if (node == first_node || clock_ns_ - heard < silence_ns_ / 2) continue;
    if (self_ == first_node) {
      accuse(node, self_);
    } else {
      wire::send(out_, process_id::scheduler_of(first_node), wire::node_silent{node});
    }
  }
}

void membership::judge() {
  while (const auto dead = accusations_.dead(clock_ns_)) {
    died(*dead);
    if (on_death) on_death(*dead);
  }
}

/// Its beats may still come through others, while the link to it is cut.
void membership::look_for_the_driver() {
  const auto watched = heard_ns_.find(first_node);
  const std::uint64_t heard_ns =
      watched == heard_ns_.end() ? pulse_heard_ns_ : std::min(pulse_heard_ns_, watched->second);
  const std::uint64_t silent_ns = clock_ns_ - heard_ns;
  if (driver_lost_ || silent_ns < silence_ns_ / 2) return;
  // All that it hears may be dead, and not declared so yet.
  wire::send(out_, process_id::scheduler_of(first_node), wire::heartbeat{pulse_, true});
  if (silent_ns < silence_ns_ + silence_ns_ / 2) return;
  driver_lost_ = true;
  if (on_driver_lost) on_driver_lost();
}

std::uint64_t membership::next_deadline_ns() const {
  if (is_off()) return never;
  if (clock_ns_ == 0) return 0;
  return now_ns_ + (next_beat_ns_ > clock_ns_ ? next_beat_ns_ - clock_ns_ : 0);
}

}  // namespace mobula::core
