#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/end_agreement.hpp"
#include "core/ended_processes.hpp"
#include "core/node_inquiry.hpp"
#include "core/peer_nodes.hpp"
#include "core/placement_groups.hpp"
#include "core/request_queue.hpp"
#include "core/seats.hpp"
#include "core/worker_pool.hpp"
#include "wire/group_messages.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

struct scheduler_limits {
  /// Task workers up to which a lease gets a process of its own. Beyond, it goes on top of one in
  /// which everything waits, if there is one. 0: 2 x cpus + 2.
  std::uint32_t workers = 0;
  /// Task workers in all. 0: 8 x cpus + 64.
  std::uint32_t workers_max = 0;
  /// Workers that were asked to end and are there still, since they own what others hold. At this
  /// limit no more idle ones are asked: of use they are more than a process that only holds
  /// objects, and the next that ends makes room. Processes of ended actors count too, but are
  /// always asked: nobody can use them. 0: as `workers`.
  std::uint32_t retiring_max = 0;
  /// How long the ends of idle workers are gathered before other nodes are told.
  std::uint64_t tell_retired_every_ns = 100'000'000;
  /// Processes being started at once.
  std::uint32_t starting_max = 32;
  /// A lease is not recalled before it was held that long: changing hands costs more than a task.
  std::uint64_t tenure_ns = 1'000'000;
  /// How long news of free amounts are gathered before other nodes are told.
  std::uint64_t gossip_every_ns = 10'000'000;
  std::uint32_t gossip_fan_out = 2;
  /// What waits looks for room at so many at a time: nodes that have never been asked say nothing
  /// by themselves.
  std::uint32_t remind_fan_out = 8;
  /// What waits tells others of itself again, at intervals that grow to this.
  std::uint64_t remind_every_ns_max = 1'000'000'000;
  std::uint8_t hops_max = 3;
  group_limits groups = {};
  /// What no node could ever do waits, instead of being refused.
  bool wait_infeasible = false;
  std::uint64_t seed = 1;
};

/// One task or call that a dead process had begun, as its task board shows it.
struct begun_entry {
  wire::lease_id lease;
  wire::lease_lost::entry entry;
};

/// Leases the workers of one node, and passes on what there is no room for.
///
/// A lease: granted (maybe awaiting its process) -> [cpus lent -> claimed ->] ... -> returned by
/// its owner, or revoked (owner ended) or left to guests in its slot -> over, or lost (process
/// ended). Its resources are booked from the first state to the last; lent cpus are not.
///
/// Requests wait in one queue. Claims of lent cpus go ahead of it. A request that lacks something
/// keeps all behind it from taking more of just that, so nobody starves (of cpus not while it lacks
/// something else: who holds that may wait for one that needs a cpu; and of nothing while actors
/// that live here leave no room for it); one that gets a worker and wants more goes to the end, so
/// nobody takes all.
///
/// A bundle of a placement group is a lease without a worker, which makes a seat in the books for
/// leases in it; the driver's scheduler holds it. When that gives it back, those leases' processes
/// are ended; once they have, what the bundle had is free.
class scheduler {
 public:
  /// @param nodes  what each node of the job offers; this one's among them
  scheduler(wire::node_id node, std::vector<node_totals> nodes, worker_starter& starter,
            wire::outbox& out, scheduler_limits limits = {});
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  /// Takes lease_request, lease_update, lease_return, lease_over, cpus_lend, cpus_claim,
  /// process_ended (from other schedulers), free_amounts, nodes_query, nodes_reply, wait_query,
  /// shutdown, shutdown_done; the driver's group_create, group_remove, bundle_room, and what is
  /// answered for bundles.
  ///
  /// lease_update for a request of which nothing waits here, count not 0, is answered by
  /// lease_queued of count 0: ask anew.
  void on_message(wire::process_id from, wire::blob message);
  /// Asked for the use of the node's store, to be told with the rest; may be empty.
  std::function<wire::store_use()> on_store_use;
  /// And for what else there is to say of the node.
  std::function<std::string()> on_describe;
  /// Told, once for each shape, why what waits infeasibly does; may be empty.
  std::function<void(const std::string& why)> on_infeasible;
  /// A process that was started can be talked to.
  void worker_joined(wire::process_id process);
  /// And one that runs the program's main: from now on it hears of others' ends.
  void driver_joined(wire::process_id process);
  /// A worker of this node has ended; `begun` is what its task board shows.
  /// @param as_asked  by itself, since it was asked to, owning nothing that others held
  void worker_ended(wire::process_id process, std::string_view cause,
                    const std::vector<begun_entry>& begun, bool as_asked = false);
  /// Another process has ended: a driver, or a node's scheduler and so all of that node. Of the
  /// latter the driver's scheduler hears, and what follows is done when that has declared it. With
  /// the end of any driver the job is over.
  void process_ended(wire::process_id process);
  /// Says a first word to node 0, so that both sides hear of each other's end.
  void greet();
  /// Starts workers ahead of the first lease.
  void prestart(std::uint32_t count);

  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; 0: at once; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

  /// After `shutdown` by all drivers: every worker of this node has ended and, on node 0, every
  /// other node has said so.
  bool finished() const;
  bool shutting_down() const { return shutting_down_; }
  std::int32_t exit_status() const { return exit_status_; }

  const seat_books& books() const { return books_; }
  std::size_t lease_count() const { return leases_.size(); }
  std::size_t waiting_count() const { return queue_.waiting(); }
  std::size_t infeasible_count() const { return infeasible_.waiting(); }
  const peer_nodes& peers() const { return peers_; }
  std::size_t worker_count() const { return workers_.size(); }
  /// Placement groups of the job, at the driver's scheduler.
  std::size_t group_count() const { return groups_ ? groups_->size() : 0; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  /// Resources in one of some seats.
  struct lease_demand {
    const wire::resource_amounts& amounts;
    const wire::placement& where;
    std::optional<std::uint32_t> seat = {};  // in no other
    bool may_be_in(const seat_books& books, std::uint32_t one) const {
      return seat ? *seat == one : books.feasible_at(one, amounts, where);
    }
  };
  struct lease {
    std::uint64_t number = 0;
    wire::process_id owner;
    std::uint64_t request = 0;
    std::uint64_t shape = 0;
    wire::lease_kind kind = wire::lease_kind::task;
    bool alone = false;
    bool lent = false;      // its cpus are not booked
    bool shares = false;    // counted in worker::blocked
    bool claiming = false;  // lent, and in claims_
    bool recalled = false;
    bool revoked = false;  // a bundle: it ends when nobody is in it any more
    std::uint32_t seat = 0;
    std::uint32_t inside = 0;  // a bundle: the seat that it makes
    std::uint32_t users = 0;   // a bundle: leases in it
    std::uint64_t granted_at_ns = 0;
    wire::process_id worker;  // none: it awaits a process, or is a bundle
    wire::resource_amounts held;
    process_set set;

    /// What is booked for it now.
    wire::resource_amounts booked() const;
  };

  struct seat_room {
    wire::resource_amounts amounts;
    device_books devices;
    bool has(const wire::resource_amounts& demand) const {
      return fits(demand, amounts) && devices.find(demand.gpus);
    }
  };
  /// What will be free once the leases that were asked back have come, by seat.
  class soon_room {
   public:
    explicit soon_room(const seat_books& books);
    void add(const lease& one);
    resource_set lacks(const lease_demand& wanted) const;
    void take(const lease_demand& wanted);

   private:
    const seat_books& books_;
    std::vector<seat_room> seats_;
  };

  /// Where a lease is to run: there, or in one with just that set, once it has come up.
  struct process_choice {
    worker* process = nullptr;
    process_set set;
  };

  // Messages and the job: scheduler.cpp.
  void on_free_amounts(wire::process_id from, const wire::free_amounts& news);
  void on_lend(wire::process_id from, const wire::cpus_lend& said);
  void on_claim(wire::process_id from, const wire::cpus_claim& asked);
  void on_return(wire::process_id from, const wire::lease_return& asked);
  void on_over(wire::process_id from, const wire::lease_over& said);
  void on_process_ended(wire::process_id from, const wire::process_ended& said);
  void on_query(wire::process_id from, const wire::nodes_query& asked);
  void on_shutdown(wire::process_id from, const wire::shutdown& asked);
  void tell_drivers_of_the_end();
  void shut_down(std::int32_t exit_status);
  void say_done_if_so();
  void ended_elsewhere(wire::process_id process);
  void drop_what_belongs_to(wire::process_id ended);
  void announce_here(const std::vector<wire::process_id>& ended);
  void announce_elsewhere();
  void interests(wire::node_id node);
  void tell(wire::node_id node);
  void answer_waiting(wire::node_id node);
  bool somebody_waits() const;
  void remind();

  // Where a request is met: scheduler_requests.cpp.
  void on_request(wire::process_id from, wire::lease_request asked);
  bool could_be_here(const wire::lease_request& asked) const;
  void spread_out(wire::lease_request& asked);
  bool makes_sense(wire::process_id from, const wire::lease_request& asked) const;
  void on_update(wire::process_id from, const wire::lease_update& asked);
  void refuse(const wire::lease_request& asked);
  std::uint32_t count_for_another(const wire::lease_request& asked, wire::node_id& where);
  void place(wire::lease_request asked);
  void send_on();
  void settle(wire::process_id owner, std::uint64_t request);
  std::uint32_t wait_elsewhere_too(const waiting_request& mine);
  void forward(const wire::lease_request& asked, wire::node_id to, std::uint32_t count,
               bool to_stay);
  void pass(wire::lease_request passed, wire::node_id to, std::uint32_t count);
  void offer_to(wire::node_id node);

  // What no node could ever do, where that waits: scheduler_infeasible.cpp.
  void wait_infeasibly(wire::lease_request asked);
  bool update_infeasible(const wire::lease_update& asked);

  // Leases of this node: scheduler_leases.cpp.
  void serve();
  void look_at_actors();
  bool fits_beside_actors(const wire::lease_request& asked);
  void serve_claims(taken_ahead& taken);
  lease& new_lease(const waiting_request& wanted, std::uint32_t seat);
  resource_set grant(const waiting_request& wanted);
  void assign(lease& granted, worker& to);
  void recall_for_waiting();
  bool recall_one(wire::process_id owner, std::uint64_t shape, resource_set kinds,
                  const lease_demand& wanted, soon_room& soon);
  lease* find(wire::lease_id id);
  void end_lease(lease& one);
  void leave_worker(const lease& one);
  void revoke(lease& one);

  // Processes of this node: scheduler_processes.cpp.
  std::optional<process_choice> choose_process(const wire::lease_request& asked,
                                               std::uint32_t seat);
  static process_choice in_spite_of_its_set(worker& one, const wire::lease_request& asked);
  std::vector<worker*> not_awaited() const;
  std::size_t committed_workers() const;
  worker* idle_for(lease& one);
  void assign_awaiting();
  void start_process_for(const lease& one);
  void tell_of_leases_over(wire::process_id ended, std::string_view cause,
                           const std::vector<begun_entry>& begun);
  void retire(worker& one);
  void retire_surplus();

  // Bundles of placement groups: scheduler_bundles.cpp.
  void place_bundle(wire::lease_request asked);
  void place_in_group(wire::lease_request asked);
  void send_back(wire::lease_request asked, std::uint8_t why);
  void grant_bundle(const waiting_request& wanted, std::uint32_t seat);
  void on_bundle_wanted(wire::process_id from, const wire::bundle_wanted& asked);
  void on_bundle_room(wire::process_id from, const wire::bundle_room& news);
  bool waits_for_any(const wire::lease_request& one, wire::group_id group) const;
  void tell_of_room();
  void want_room(wire::group_id group, const wire::resource_amounts& demand);
  void enter_bundle(lease& user);
  void left_bundle(const lease& user);
  void end_bundle(lease& bundle);
  void close_if_left(lease& bundle);
  lease* bundle_of_seat(std::uint32_t seat);
  std::vector<plan_room> rooms_here() const;

  // What requests wait for: scheduler_waits.cpp.
  void on_wait_query(wire::process_id from, const wire::wait_query& asked);
  bool tell_holders(const wire::wait_point& about, std::vector<wire::wait_point>& on);
  const waiting_request* held_back_by(request_queue::place mine);

  wire::node_id node_;
  wire::process_id self_;
  wire::outbox& out_;
  scheduler_limits limits_;
  seat_books books_;
  peer_nodes peers_;
  end_agreement agreement_;
  worker_pool workers_;
  std::vector<wire::process_id> drivers_;  // of this node that have joined
  request_queue queue_;
  request_queue infeasible_;
  std::unordered_set<std::uint64_t> said_infeasible_;  // shapes
  node_inquiries inquiries_;
  std::map<std::uint64_t, lease> leases_;  // by number, and so in the order of their grants
  std::uint64_t last_lease_ = 0;
  std::deque<std::uint64_t> awaiting_process_;
  std::deque<std::uint64_t> claims_;
  ended_processes ended_;
  std::vector<wire::process_id> to_announce_;  // to the other schedulers, together
  // The same, later: they have ended as they were asked to, and nobody needs to hear of it soon.
  std::vector<wire::process_id> retired_;
  std::uint64_t announce_retired_ns_ = 0;
  bool serving_ = false;
  std::vector<seat_room> beside_actors_;            // by seat; empty: to be looked at
  std::optional<placement_groups> groups_;          // the driver's scheduler: those of the job
  std::map<std::uint32_t, std::uint64_t> bundles_;  // by seat, the lease that makes it
  // Of what others want to hear that there is room, by group.
  std::map<wire::group_id, std::vector<wire::resource_amounts>> wanted_;
  std::size_t spread_next_ = 0;  // the node to be looked at first

  std::uint64_t now_ns_ = 0;
  std::uint64_t recall_at_ns_;  // a lease that somebody waits for is old enough then
  std::uint64_t gossip_at_ns_ = 0;
  std::uint64_t remind_at_ns_;
  std::uint64_t remind_every_ns_ = 0;
  static constexpr std::size_t interested_max = 16;
  std::vector<wire::node_id> interested_;  // nodes whose processes had leases that ended here
  bool reminds_ = false;                   // what waits here is to be told of, to some at random
  bool news_ = false;                      // what is free has changed since others were told

  bool shutting_down_ = false;
  bool done_said_ = false;
  std::int32_t exit_status_ = 0;
  std::unordered_set<wire::node_id> not_done_;
  std::uint64_t dropped_ = 0;
};

}  // namespace mobula::core
