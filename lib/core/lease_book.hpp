#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/placed_list.hpp"
#include "core/resources.hpp"
#include "core/task.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

/// What tasks of one kind need. Tasks of one shape may use each other's leases.
struct demand_key {
  wire::lease_kind kind = wire::lease_kind::task;
  wire::resource_amounts demand;
  wire::resource_amounts held;
  wire::placement where = {};
};

/// A lease that this process holds, with the tasks that were pushed on it.
struct held_lease {
  wire::lease_id id;
  wire::process_id worker;
  shape* of = nullptr;
  task_list in_flight;
  std::uint32_t window = 1;            // tasks that may be in flight
  std::uint32_t completed = 0;         // since `mark_ns`
  std::uint64_t mark_ns = 0;           // when it last made progress
  std::uint64_t resting_since_ns = 0;  // the first tick that found it idle or stuck; 0: none has
  bool own = false;  // runs our tasks in our own process: the slot of a task that waits for them
  bool recalled = false;    // others wait for it: nothing more is pushed
  bool over = false;        // it ends without us: nothing more is pushed, nor given back
  bool blocked = false;     // its task waits for something: nothing is pushed until one completes
  bool reclaiming = false;  // a task_reclaim is on its way
  bool all_begun = false;   // nothing in flight could be reclaimed: all of it has begun
  bool touched = false;     // in lease_book::touched_
  list_place open;          // in shape::open
  list_place watched;       // in lease_book::watched_
};

struct shape {
  demand_key key;
  std::uint64_t number = 0;                         // names the demand in pushes
  task_list ready;                                  // by number
  std::uint64_t last_number = 0;                    // of those that became ready
  placed_list<held_lease, &held_lease::open> open;  // leases with room, used in turn
  std::size_t next_open = 0;
  std::uint64_t request = 0;                // the one that is out, or 0
  std::vector<std::uint64_t> asked_before;  // by these numbers for the same; grants of them count
  std::uint32_t requested = 0;              // workers it still asks for
  wire::process_id asked;                   // where it waits, or the last part of it
  std::vector<wire::process_id> asked_too;  // where other parts of it may wait
  bool dirty = false;
};

/// The owner's side of leases: which tasks are ready, which workers are ours, who runs what.
///
/// Tasks of a shape go straight to leased workers, a window of them in flight on each; the window
/// grows while tasks are short. Leases stay for a named time while nothing is ready, a shorter one
/// while other shapes ask for what they hold.
class lease_book {
 public:
  struct limits {
    std::uint32_t window_max = 256;
    std::uint64_t window_target_ns = 100'000;  // work in flight on a lease, about
    std::uint64_t stuck_after_ns = 200'000;    // then what waits behind a task is taken elsewhere
    std::uint64_t keep_idle_ns = 10'000'000;
    std::uint64_t yield_idle_ns =
        100'000;  // the same where other tasks of ours wait for what it has
    std::uint64_t look_every_ns = 50'000;  // at the leases' times
    std::uint32_t request_max = 4096;
  };
  /// Writes the push of a task for `lease` and sends it to `worker`.
  using pusher = std::function<void(task&, const held_lease&)>;
  using failer = std::function<void(task&, wire::blob error)>;

  lease_book(wire::process_id self, wire::outbox& out, limits named, pusher push, failer fail);
  ~lease_book();

  shape& shape_for(const demand_key& key);
  /// The task's arguments are there: run it.
  void enqueue(task& ready);
  /// Pushes that of the shape which can be, asks for what is missing.
  void pump(shape& one);
  /// The task (pushed) has ended or must be failed: it is no longer in flight.
  void ended(task& one);
  /// Takes a ready or pushed task out of every list.
  void withdraw(task& one);
  /// Pushes a ready task of the shape numbered `shape_number` to ourselves, in the slot of `lease`.
  bool push_here(task& ready, wire::lease_id lease, std::uint64_t shape_number);

  /// The actor of this lease was never made: the lease goes back.
  void creation_failed(wire::lease_id lease);
  /// The actor of this lease ends by itself, and its worker ends the lease.
  void actor_over(wire::lease_id lease);

  bool on_message(wire::process_id from, wire::blob message);
  /// The node's scheduler has ended, and its workers with it: what they had is taken to have begun.
  void on_node_ended(wire::node_id node);
  /// What messages brought is acted on: windows, pushes, returns of leases.
  void flush();
  void tick(std::uint64_t now_ns);
  /// When a tick would do something, as far as nothing else happens; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

  /// Where a ready task's lease is asked for, for those who want to know whether it can come;
  /// nothing if it isn't asked for now.
  std::optional<wire::wait_point> request_of(const task& ready) const;

  std::size_t leases_held() const { return leases_.size(); }
  std::size_t creations_waiting() const { return creations_.size(); }

  /// Told when a creation's lease is lost or an actor's worker died: (worker, cause, lease).
  std::function<void(const held_lease&, std::string_view cause)> on_actor_lost;

 private:
  struct waiting_creation {
    task* what = nullptr;
    wire::process_id asked;  // where its request waits
  };
  void on_grant(wire::process_id from, const wire::lease_grant& grant);
  void on_queued(wire::process_id from, const wire::lease_queued& queued);
  void on_refuse(const wire::lease_refuse& refuse);
  void on_lost(const wire::lease_lost& lost);
  void on_return(const wire::task_return& back);
  void ask(shape& one);
  void ask_for_creation(task& creation);
  void set_requested(shape& one, std::uint32_t count);
  static wire::node_id near_arguments(const task& ready);
  static held_lease& lease_for(const task& next);
  void request_ended(shape& one);
  void push(task& one, held_lease& lease);
  void open_if_room(held_lease& lease);
  void close(held_lease& lease);
  void touch(held_lease& lease);
  void adjust_window(held_lease& lease);
  void give_back(held_lease& lease);
  void forget(held_lease& lease);
  void unlist(held_lease& lease);
  void requeue(task& one, task* near);
  void relieve(held_lease& stuck);
  static bool may_reclaim(const held_lease& stuck);
  static bool wants_watching(const held_lease& lease);
  void watch(held_lease& lease);
  resource_set wanted_kinds() const;
  std::uint64_t keep_ns(const held_lease& idle, resource_set wanted) const;
  std::uint64_t due_ns(const held_lease& watched, resource_set wanted) const;
  void mark_dirty(shape& one);
  held_lease* find(wire::lease_id id);
  held_lease& hold(wire::lease_id id, wire::process_id worker, shape& of);

  wire::process_id self_;
  wire::outbox& out_;
  limits limits_;
  pusher push_;
  failer fail_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t next_look_ns_ = 0;
  std::uint64_t next_request_ = 1;
  std::map<std::string, std::unique_ptr<shape>> shapes_;  // by the demand's encoding
  std::unordered_map<wire::lease_id, std::unique_ptr<held_lease>> leases_;
  std::unordered_map<std::uint64_t, shape*> requests_;
  std::unordered_map<std::uint64_t, waiting_creation> creations_;
  // All that a tick may have to act on; those that have no need of it any more are taken out then.
  placed_list<held_lease, &held_lease::watched> watched_;
  std::vector<held_lease*> touched_;
  std::vector<held_lease*> touched_now_;  // being flushed
  std::vector<shape*> dirty_;
  std::vector<shape*> dirty_now_;
};

}  // namespace mobula::core
