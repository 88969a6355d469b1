#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "core/resources.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"

namespace mobula::core {

/// Which of a node's seats a request's lease may be in: a bundle is made of what is outside of all.
const wire::placement& seat_place(const wire::lease_request& asked);

/// What requests lack, for which those behind them must wait too: in each bundle by itself, outside
/// of all of them, and of processes.
class taken_ahead {
 public:
  void add(const wire::placement& where, resource_set kinds);
  /// Whether any of `kinds` is taken where a request may be.
  bool has(const wire::placement& where, resource_set kinds) const;

 private:
  struct line {
    wire::placement where;
    resource_set kinds = 0;
  };
  std::vector<line> lines_;
  resource_set processes_ = 0;
};

/// A request for leases that waits at a scheduler.
struct waiting_request {
  wire::lease_request asked;  // count: how many are still wanted
  std::uint64_t shape = 0;
  resource_set kinds = 0;
  resource_set lacked = 0;   // all that it ever lacked
  resource_set claimed = 0;  // of that: nobody behind it takes more of it now

  /// It lacks these now. What is lent stays others' while it lacks something else: who holds that
  /// may be waiting for one of them.
  void lacks(resource_set now);
};

/// Requests in their order of coming; at most one for each owner and number.
class request_queue {
 public:
  using place = std::list<waiting_request>::iterator;

  void add(wire::lease_request asked);
  place begin() { return requests_.begin(); }
  place end() { return requests_.end(); }
  place find(wire::process_id owner, std::uint64_t request);
  place erase(place at) { return requests_.erase(at); }
  void move_to_end(place at) { requests_.splice(requests_.end(), requests_, at); }
  void drop_owner(wire::process_id owner);
  void drop_node(wire::node_id node);
  void clear() { requests_.clear(); }
  bool empty() const { return requests_.empty(); }
  std::size_t size() const { return requests_.size(); }
  /// Workers wanted in all.
  std::uint32_t waiting() const;
  /// All that any of them claims outside of bundles.
  resource_set claimed() const;

 private:
  std::list<waiting_request> requests_;
};

}  // namespace mobula::core
