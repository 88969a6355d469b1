#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/resources.hpp"
#include "core/seats.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// What a node offers, as exchanged once at start.
struct node_totals {
  std::string host;
  std::vector<wire::resource_amounts> seats;
  std::vector<std::vector<device>> devices = {};    // of each seat: see seat_books
  std::vector<std::vector<core_place>> cores = {};  // as above; no other node is told of them
  std::vector<wire::label> labels = {};             // sorted
  /// Its processes that run the program's main: incarnations 1 to so many. Node 0 has one anyway.
  std::uint32_t drivers = 0;
};

/// What a scheduler knows of the job's nodes: their totals exactly, their room as last heard.
///
/// No decision looks at all of them, however many there are: which nodes could ever do a demand is
/// found out once, and of these a few are looked at, drawn at random.
class peer_nodes {
 public:
  peer_nodes(wire::node_id self, std::vector<node_totals> nodes, std::uint64_t seed);

  struct peer {
    std::string host;
    std::vector<wire::resource_amounts> seats;
    std::vector<device_books> devices;  // of each seat
    std::vector<wire::label> labels;    // sorted
    wire::resource_amounts total;
    wire::resource_amounts free;  // as last heard, less what was sent there since
    device_room gpus;             // as last heard
    std::uint32_t waiting = 0;
    resource_set lacking = 0;  // what waits there has a claim to all of these
    std::uint32_t drivers = 0;
    bool alive = true;
    std::size_t deaths_told = 0;  // the first so many of `deaths_`
  };
  wire::node_id self() const { return self_; }
  std::size_t size() const { return peers_.size(); }
  const peer& operator[](wire::node_id node) const { return peers_[node]; }

  void heard(const wire::free_amounts& news);
  void died(wire::node_id node);
  /// `count` workers with `held` were asked of the node: so much less room there.
  void sent(wire::node_id node, const wire::resource_amounts& held, std::uint32_t count);
  /// To the node's scheduler, behind news of each node that has died and of which it has not been
  /// told from here. Owners ask anew when they hear of a death: what they ask then must never come
  /// to one who has not heard, and would pass it on to the dead.
  void send_request(wire::outbox& out, wire::node_id node, const wire::lease_request& asked);

  /// Whether the process runs the program's main.
  bool is_driver(wire::process_id process) const;
  /// Whether a driver has ended with that process: it was one, or a scheduler on whose node one is.
  bool is_end_of_a_driver(wire::process_id ended) const;

  /// Nodes that live.
  std::size_t alive() const;
  /// Whether a lease that may be `where` may be on that node, outside of groups.
  bool admits(wire::node_id node, const wire::placement& where) const;
  /// Whether some living node could ever do it.
  bool feasible(const wire::resource_amounts& demand, const wire::placement& where = {}) const;
  bool feasible_at(wire::node_id node, const wire::resource_amounts& demand,
                   const wire::placement& where = {}) const;
  /// The living node whose largest seat misses the least of `demand`; one that has it all, if not
  /// together, first. Of those that `where` admits, if there are any.
  wire::node_id nearest(const wire::resource_amounts& demand,
                        const wire::placement& where = {}) const;
  /// How many such demands fit into what is known to be free at the node, and not claimed by what
  /// waits there.
  std::uint32_t room_at(wire::node_id node, const wire::resource_amounts& demand,
                        const wire::placement& where = {}) const;
  /// Of two others with known room, drawn at random, the emptier; never one of `visited`.
  std::optional<wire::node_id> draw(const wire::lease_request& asked);
  /// The feasible node where the fewest wait in proportion to its size, of self and those looked
  /// at; `waiting_here` for self.
  wire::node_id soonest(const wire::lease_request& asked, std::uint32_t waiting_here);
  /// The same of others, never one of `visited`; nothing: none was found.
  std::optional<wire::node_id> soonest_other(const wire::lease_request& asked,
                                             const std::vector<wire::node_id>& visited);
  /// How many leases of a demand the node could ever give at once, if it can at all.
  std::uint32_t most_at(wire::node_id node, const wire::resource_amounts& demand) const;
  /// Other living nodes to tell news to: those where requests wait first, then some at random.
  std::vector<wire::node_id> listeners(std::size_t count);
  /// Other living nodes, drawn at random.
  std::vector<wire::node_id> some(std::size_t count);

  /// So many are looked at for one decision, at most.
  static constexpr std::size_t looks_max = 16;
  /// How many were looked at in all.
  std::uint64_t looks() const { return looks_; }

 private:
  /// Where a demand could ever be met, among the living.
  struct places {
    wire::resource_amounts demand;
    wire::placement where;
    std::vector<wire::node_id> nodes;  // in order
    wire::node_id nearest = 0;         // where there are none
  };
  const places& places_for(const wire::resource_amounts& demand,
                           const wire::placement& where) const;
  wire::node_id find_nearest(const wire::resource_amounts& demand,
                             const wire::placement& where) const;
  void waits(wire::node_id node, std::uint32_t count);
  void choose(wire::node_id node, std::size_t count, std::vector<wire::node_id>& chosen);
  void add_some(std::size_t count, std::vector<wire::node_id>& chosen);
  /// The less the sooner.
  double score(wire::node_id node, const wire::resource_amounts& demand,
               std::uint32_t waiting) const;
  std::uint64_t random();

  wire::node_id self_;
  std::vector<peer> peers_;
  std::vector<wire::process_id> deaths_;  // schedulers that have ended
  std::set<wire::node_id> with_waiting_;  // the living where something waits
  std::uint64_t random_state_;
  std::uint64_t looks_ = 0;
  // By the demand's number, of the last so many shapes. Found out anew after a death.
  static constexpr std::size_t places_kept_max = 64;
  mutable std::unordered_map<std::uint64_t, places> places_;
};

}  // namespace mobula::core
