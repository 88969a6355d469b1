#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "transport/sim/timeline.hpp"
#include "wire/outbox.hpp"
#include "wire/receiver.hpp"

namespace mobula::sim {

/// How long messages are under way: each anything between the two, but never past the one before
/// it of the same pair.
struct delays {
  std::uint64_t least_ns = 200;
  std::uint64_t most_ns = 20'000;
  /// What a process sends itself is there at once, though never within the sending.
  bool own_at_once = true;
};

/// A transport between any number of processes in this one, in virtual time, from one seed.
///
/// Keeps exactly what a transport promises: for each pair of processes in order, at most once, then
/// `on_closed`, last. Nothing holds between pairs. Of what a killed process had sent and what is
/// still under way, each receiver gets some first part, or all. Who writes to the dead hears
/// `on_closed` of them.
class network {
 public:
  network(timeline& time, std::uint64_t seed, delays named);
  network(timeline& time, std::uint64_t seed) : network(time, seed, delays{}) {}
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  /// @param to  lives until the process is killed or has left
  /// @return where the process sends; lives as long as the network
  wire::outbox& join(wire::process_id process, wire::receiver& to);

  struct lost_message {
    wire::process_id to;
    std::vector<std::byte> bytes;
  };
  /// Ends it at once. @return what it had sent and nobody will get
  std::vector<lost_message> kill(wire::process_id process);
  /// Ends it; all that it sent arrives.
  void leave(wire::process_id process);
  /// `listener` has been told that `ended` has: it hears `on_closed` once nothing of it is left,
  /// also if they never talked.
  void told_of_end(wire::process_id listener, wire::process_id ended);

  /// From now on nothing passes between the two nodes, no word of an end either. What was sent, and
  /// what is sent meanwhile, arrives after they are mended.
  void cut(wire::node_id one, wire::node_id other) { cuts_.insert(std::minmax(one, other)); }
  void mend(wire::node_id one, wire::node_id other);

  bool is_here(wire::process_id process) const { return members_.contains(process); }
  std::uint64_t delivered() const { return delivered_; }

 private:
  class sender final : public wire::outbox {
   public:
    sender(network& through, wire::process_id self) : through_{through}, self_{self} {}
    std::byte* begin(wire::process_id to, std::size_t size) override;
    void commit() override;

   private:
    network& through_;
    wire::process_id self_;
    wire::process_id to_;
    std::vector<std::byte> bytes_;
  };
  /// What is under way from one process to another.
  struct channel {
    wire::process_id from;
    wire::process_id to;
    std::deque<std::vector<std::byte>> messages;
    std::uint64_t last_ns = 0;  // when the last of them arrives
    bool closing = false;       // `on_closed` comes after them
    bool closed = false;
  };

  channel& between(wire::process_id from, wire::process_id to);
  void carry(wire::process_id from, wire::process_id to, std::vector<std::byte> bytes);
  void deliver_next(channel& on);
  void close(channel& on);
  void end(wire::process_id process);
  std::uint64_t arrival(const channel& on);
  bool is_cut(const channel& on) const {
    return !cuts_.empty() && cuts_.contains(std::minmax(on.from.node(), on.to.node()));
  }

  timeline& time_;
  std::mt19937_64 random_;
  delays delays_;
  std::unordered_map<wire::process_id, wire::receiver*> members_;
  std::unordered_map<wire::process_id, std::unique_ptr<sender>> senders_;
  // Ordered, so that a seed means the same everywhere.
  std::map<wire::process_id, std::map<wire::process_id, channel>> channels_;
  std::set<std::pair<wire::node_id, wire::node_id>> cuts_;
  std::vector<channel*> held_up_;  // once for each arrival that a cut has prevented
  std::uint64_t delivered_ = 0;
};

}  // namespace mobula::sim
