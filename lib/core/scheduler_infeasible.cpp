#include <utility>

#include "core/refusals.hpp"
#include "core/scheduler.hpp"
#include "wire/codec.hpp"

// What no node could ever do: where it is not refused it waits here, out of everybody's way, until
// its owner wants it no more or the job ends.

namespace mobula::core {

void scheduler::wait_infeasibly(wire::lease_request asked) {
  constexpr std::size_t said_max = 64;
  const bool is_new = said_infeasible_.size() < said_max &&
                      said_infeasible_.insert(shape_number(asked.demand)).second;
  if (is_new && on_infeasible) on_infeasible(infeasible_text(asked, peers_));
  // Where it has come from another node its owner has to hear where it is.
  if (asked.hops != 0)
    wire::send(out_, asked.owner, wire::lease_queued{asked.request, asked.count});
  infeasible_.add(std::move(asked));
}

bool scheduler::update_infeasible(const wire::lease_update& asked) {
  const auto at = infeasible_.find(asked.owner, asked.request);
  if (at == infeasible_.end()) return false;
  at->asked.count = asked.count;
  if (asked.count == 0) infeasible_.erase(at);
  return true;
}

}  // namespace mobula::core
