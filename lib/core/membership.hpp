#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "core/accusations.hpp"
#include "core/watchers.hpp"
#include "wire/ids.hpp"
#include "wire/membership_messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

struct membership_limits {
  /// A node of which nothing was heard for so long counts as dead. 0: none ever does.
  std::uint64_t silence_ns = 20'000'000'000;
};

/// Whether the job's nodes are still there, where no broken link tells: a host that crashed, is
/// frozen or cut off says nothing.
///
/// Each node beats to its watchers, `beats` times in `silence_ns`. Node 0's beats are counted; who
/// hears of a new one beats at once, and so passes it on: all know that the driver's node is there,
/// and nobody sends more than three messages a beat, however many nodes there are. A watcher that
/// hears nothing for half of `silence_ns` tells node 0's scheduler, which asks the silent one, and
/// alone decides: see `accusations`. A node that hears no new beat of node 0, though it asks for
/// one after half of `silence_ns`, for one and a half of it has lost the driver; so has one that
/// watches node 0 and does not hear it itself.
///
/// Time in which this process did not run itself counts against nobody. Not thread-safe.
class membership {
 public:
  static constexpr std::uint64_t beats = 20;

  membership(wire::node_id self, std::size_t nodes, wire::outbox& out,
             membership_limits limits = {});
  membership(const membership&) = delete;
  membership& operator=(const membership&) = delete;

  /// At node 0: a node counts as dead, to be declared so. `died` need not be called for it.
  std::function<void(wire::node_id)> on_death;
  /// At another: there is no driver any more, as far as this node can know. Once.
  std::function<void()> on_driver_lost;

  /// Takes heartbeat and node_silent; false: it is another message.
  bool on_message(wire::process_id from, wire::blob message);
  /// A node has been declared dead.
  void died(wire::node_id node);
  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

 private:
  bool is_off() const { return beat_ns_ == 0; }
  void on_heartbeat(wire::node_id from, const wire::heartbeat& said);
  void accuse(wire::node_id node, wire::node_id by);
  void beat();
  void choose_watched();
  void look_for_the_silent();
  void judge();
  void look_for_the_driver();

  wire::node_id self_;
  wire::outbox& out_;
  std::uint64_t silence_ns_;
  std::uint64_t beat_ns_;
  watchers watchers_;
  std::vector<wire::node_id> my_watchers_;
  std::map<wire::node_id, std::uint64_t> heard_ns_;  // of those that this node watches
  accusations accusations_;                          // node 0

  std::uint64_t pulse_ = 0;
  std::uint64_t pulse_heard_ns_ = 0;
  bool driver_lost_ = false;

  std::uint64_t now_ns_ = 0;  // of the last tick
  std::uint64_t clock_ns_ =
      0;  // goes on by a beat or so for each tick, at most; not 0 once it goes
  std::uint64_t next_beat_ns_ = 0;  // by that clock
};

}  // namespace mobula::core
