#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/scheduler.hpp"
#include "transport/sim/network.hpp"
#include "wire/messages.hpp"
#include "wire/receiver.hpp"

namespace mobula::sim {

class crowd;

/// Tasks of one owner that are alike, and the leases that it has for them: each runs one task after
/// another.
struct errand {
  wire::resource_amounts demand;
  std::uint64_t each_ns = 0;
  std::uint64_t backlog = 0;            // tasks that have not begun
  std::uint64_t request = 0;            // its number; 0: none is out
  std::uint32_t requested = 0;          // leases that it still asks for
  std::vector<wire::process_id> asked;  // where parts of it may wait
  std::uint64_t since_ns = 0;           // it waits without a grant
  std::uint32_t leases = 0;
};

/// A process that wants work done: asks for leases as core::lease_book does, gives them back when
/// it has no more to do, or when they are recalled and their task has ended.
class crowd_owner final : public wire::receiver {
 public:
  crowd_owner(crowd& where, wire::process_id self);

  wire::process_id self() const { return self_; }
  void want(const wire::resource_amounts& demand, std::uint64_t count, std::uint64_t each_ns);
  const std::vector<errand>& errands() const { return errands_; }
  std::uint64_t done() const { return done_; }
  std::uint64_t refused() const { return refused_; }
  std::uint64_t left() const;
  void task_ended(wire::lease_id lease);
  /// A node has ended: what ran there runs again, and what may have waited there is asked anew.
  void node_ended(wire::node_id node);

 private:
  struct held {
    std::size_t of = 0;
    wire::process_id worker;
    bool recalled = false;
  };
  void on_message(wire::process_id from, wire::blob message) override;
  void on_closed(wire::process_id) override {}
  void granted(const wire::lease_grant& grant);
  void work_on(wire::lease_id lease, held& with);
  void give_back(wire::lease_id lease);
  void ask(std::size_t which);
  void request_ended(errand& one);

  crowd& where_;
  wire::process_id self_;
  wire::outbox& out_;
  std::vector<errand> errands_;
  std::unordered_map<std::uint64_t, std::size_t> requests_;
  std::unordered_map<wire::lease_id, held> leases_;
  std::uint64_t last_request_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t refused_ = 0;
};

struct crowd_options {
  std::uint64_t seed = 1;
  std::vector<core::node_totals> nodes;
  core::scheduler_limits scheduler = {};
  delays messages = {};
  std::uint64_t start_ns = 100'000;  // a process takes so long to begin
  std::uint64_t task_ns = 0;         // and a task that is pushed to it so long; 0: it never ends
};

inline constexpr std::uint64_t microsecond = 1'000, millisecond = 1'000'000;

inline wire::resource_amounts cpus(std::int64_t count) {
  wire::resource_amounts amounts;
  amounts.cpus = count * wire::resource_amounts::unit;
  return amounts;
}

/// Nodes that have nothing but so many cpus.
inline std::vector<core::node_totals> alike(std::size_t count, std::int64_t cpu_count) {
  return std::vector<core::node_totals>(count, {"host", {cpus(cpu_count)}});
}

struct idle_room {
  std::uint64_t ns = 0;
  std::uint64_t messages = 0;  // that arrived at that node meanwhile
};

/// Schedulers by themselves, in virtual time, with owners that only count: a thousand nodes and a
/// hundred thousand tasks take seconds. Checks at every grant that no node is over a total and no
/// device over one; counts what is sent.
///
/// A node's scheduler is made when the first message reaches it, so that of ten thousand nodes only
/// those take room that are heard of.
class crowd final {
 public:
  explicit crowd(crowd_options named);
  ~crowd();
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;

  timeline& time() { return time_; }
  network& net() { return net_; }
  crowd_owner& add_owner(wire::node_id node);
  const std::vector<std::unique_ptr<crowd_owner>>& owners() const { return owners_; }
  /// It ends, whatever it has; its tasks are not wanted any more.
  void kill(crowd_owner& owner);
  /// All of it ends; the others hear of it one by one.
  void kill(wire::node_id node);
  /// Until nothing happens any more, at most so long.
  void run(std::uint64_t until_ns = never);
  /// The longest that some request has waited although a node where nothing waited had room for it
  /// all that time. To be asked often: what is shorter than between two calls is not seen.
  idle_room look_for_idle_room();

  core::scheduler* scheduler_of(wire::node_id node);
  /// What is wrong when all is done; empty: nothing.
  std::string leftovers() const;

  /// Messages that arrived: in all, by what they are, and those of one process.
  std::uint64_t messages() const { return messages_; }
  std::uint64_t messages(wire::message_type what) const;
  std::uint64_t grants() const { return messages(wire::message_type::lease_grant); }
  /// Nodes that schedulers looked at, to decide where something goes.
  std::uint64_t looks() const;
  std::size_t schedulers_made() const;
  const std::string& failure() const { return failure_; }

  static constexpr std::uint64_t never = ~std::uint64_t{0};

  // What its processes tell.
  void arrived(wire::blob message);
  void arrived_at(wire::node_id node) { ++messages_at_[node]; }
  void begins(const wire::lease_grant& grant, const wire::resource_amounts& demand);
  void ends(wire::lease_id lease);
  void failed(const std::string& what);
  void heard_of_end(wire::node_id listener, wire::node_id ended);
  bool has_ended(wire::process_id process) const { return ended_.contains(process); }
  bool has_ended(wire::node_id node) const {
    return has_ended(wire::process_id::scheduler_of(node));
  }

 private:
  class host;
  class worker;
  struct use {
    wire::process_id worker;
    wire::resource_amounts amounts;
  };
  void count(const use& one, int sign);

  crowd_options options_;
  timeline time_;
  network net_;
  std::vector<std::unique_ptr<host>> nodes_;
  std::vector<std::unique_ptr<crowd_owner>> owners_;
  std::unordered_map<wire::process_id, std::unique_ptr<worker>> workers_;
  std::map<wire::process_id, bool> ended_;
  std::set<std::pair<wire::node_id, wire::node_id>> heard_;  // who, of whose end
  std::unordered_map<wire::lease_id, use> uses_;
  std::vector<wire::resource_amounts> used_;
  std::map<std::pair<wire::node_id, std::uint32_t>, std::int64_t> devices_used_;
  std::map<wire::message_type, std::uint64_t> by_type_;
  std::uint64_t messages_ = 0;
  std::vector<std::uint64_t> messages_at_;  // each node's scheduler
  /// Since when, and after how many messages, a node has had room for a demand, by both.
  std::map<std::pair<std::uint64_t, wire::node_id>, idle_room> room_since_;
  std::uint32_t next_owner_ = 0;
  std::string failure_;
};

}  // namespace mobula::sim
