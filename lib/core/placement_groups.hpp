#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/ended_processes.hpp"
#include "core/group_planner.hpp"
#include "core/peer_nodes.hpp"
#include "wire/group_messages.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

struct group_limits {
  /// What has not found room is tried again then, if nothing was heard of any before.
  std::uint64_t retry_every_ns = 20'000'000;
  /// After so long without room for all at once, room is gathered: by one group at a time.
  std::uint64_t gather_after_ns = 50'000'000;
  /// For so long, then it is the next one's turn; twice as long the next time.
  std::uint64_t gather_for_ns = 1'000'000'000;
  std::uint64_t gather_for_ns_max = 60'000'000'000;
  /// Hops of a request that is to stay at the node where it comes to: scheduler_limits::hops_max.
  std::uint8_t hops_max = 3;
};

/// The placement groups of the job; lives at the driver's scheduler.
///
/// A group: waiting -> asking (its bundles of their nodes, which have room or refuse at once) ->
/// placed, or all given back and waiting. One that has waited for long gathers: its bundles wait at
/// their nodes like all requests do, until all have room or its time is over. Only one gathers at a
/// time, so that no two groups hold what the other wants. When a node ends, its bundles are placed
/// again. A group ends when it is removed, with the process that made it, or when no node is left
/// that could have one of its bundles.
///
/// Bundles are leases (lease_kind::bundle) of this process. Requests for leases in a group come
/// here, and are passed on to a node of its bundles, where they wait. Of those for any bundle it is
/// asked at the other nodes whether there is room, and the node where they wait hears of it.
class placement_groups {
 public:
  /// Hops of a request for a lease in a group that comes back from a node of its bundles: there is
  /// no room now, or there never will be.
  static constexpr std::uint8_t came_back = 1, came_back_impossible = 2;

  placement_groups(peer_nodes& peers, const ended_processes& ended, wire::outbox& out,
                   group_limits limits);
  placement_groups(const placement_groups&) = delete;
  placement_groups& operator=(const placement_groups&) = delete;

  /// What is free on this node; on the others it is what was last heard.
  std::function<std::vector<plan_room>()> own_room;

  /// Takes group_create, group_remove; of bundles lease_grant and lease_refuse.
  /// @returns false if it is not one of these
  bool on_message(wire::process_id from, wire::blob message);
  /// For a lease in a group.
  void on_request(wire::lease_request asked);
  /// @returns whether the request waits here
  bool on_update(const wire::lease_update& asked);
  /// Requests for any bundle wait at that node.
  void on_wanted(wire::node_id at, const wire::bundle_wanted& asked);
  void on_room(const wire::bundle_room& news);
  /// Something may have become free somewhere.
  void room_changed() { look_now_ = true; }
  /// The peers know of it.
  void process_ended(wire::process_id ended);
  void tick(std::uint64_t now_ns);
  std::uint64_t next_deadline_ns() const;

  /// Groups that wait for room.
  std::uint32_t waiting() const { return static_cast<std::uint32_t>(line_.size()); }
  std::size_t size() const { return groups_.size(); }

 private:
  struct bundle {
    wire::resource_amounts amounts;
    wire::node_id node = 0;
    std::uint64_t request = 0;  // asked for, by that number
    wire::lease_id lease;       // held
    bool placed = false;        // and part of a group that is, or was, placed
  };
  /// Where requests for any bundle wait that ask for the same.
  struct want {
    wire::resource_amounts demand;
    std::vector<wire::node_id> at;
  };
  struct group {
    wire::group_id id;
    wire::object_id ready_ref;  // of its maker
    wire::group_strategy how = wire::group_strategy::pack;
    std::vector<bundle> bundles;
    std::size_t asked = 0;  // bundles whose nodes have not answered
    bool ready = false;     // all are placed
    bool told = false;      // its maker has heard
    std::uint64_t waits_since_ns = 0;
    std::uint64_t gather_for_ns = 0;
    std::uint64_t not_before_ns = 0;          // a node has just refused
    std::list<wire::lease_request> requests;  // that came before it was placed
    std::vector<want> wants;
    std::size_t next_bundle = 0;  // requests for any go to them in turn
  };
  /// What was heard of a group before its maker's word of it came.
  struct early_word {
    std::vector<wire::lease_request> requests;
    std::vector<std::pair<wire::process_id, std::uint64_t>> removals;
  };

  void on_create(wire::process_id from, const wire::group_create& asked);
  void on_remove(wire::process_id from, const wire::group_remove& asked);
  void on_grant(const wire::lease_grant& granted);
  void on_refuse(const wire::lease_refuse& refused);
  group* find(wire::group_id id);
  bool may_come(wire::group_id id) const;
  std::uint64_t look_due_ns() const;
  std::vector<plan_room> free_room() const;
  std::vector<plan_room> all_room() const;
  void look_for_room();
  void try_to_place(group& one);
  void begin_gathering();
  void stop_gathering();
  group_plan plan(const group& one, std::vector<plan_room> rooms, bool thorough) const;
  group_plan plan_of_all(const group& one) const;
  void ask_for_room(const group& one, const want& what) const;
  void ask(group& one, const std::vector<wire::node_id>& nodes, bool at_once);
  void answered(group& one);
  void give_up(group& one);
  void let_go(bundle& one);
  void placed(group& one);
  void wait_in_line(group& one);
  void fail(group& one, const wire::error_value& why);
  void remove(group& one, const wire::error_value& why);
  void refuse(const wire::lease_request& asked, const wire::error_value& why);
  void serve_requests(group& one);
  bool pass_on(group& one, wire::lease_request& asked);
  std::optional<wire::error_value> misfit(const group& one, const wire::lease_request& asked) const;
  void node_ended(wire::node_id node);
  wire::error_value infeasible(const group& one) const;
  wire::error_value gone() const;

  peer_nodes& peers_;
  const ended_processes& ended_;
  wire::outbox& out_;
  group_limits limits_;
  wire::process_id self_;
  std::map<wire::group_id, group> groups_;
  std::list<wire::group_id> line_;  // those that wait, in the order of their coming
  std::unordered_map<std::uint64_t, std::pair<wire::group_id, std::size_t>> asked_;
  std::uint64_t last_request_ = 0;
  std::unordered_map<wire::process_id, std::uint64_t> created_up_to_;  // sequences, by maker
  std::map<wire::group_id, early_word> early_;
  std::optional<wire::group_id> gathering_;
  std::uint64_t gathers_until_ns_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t looked_ns_ = 0;  // when all that wait were looked at
  bool look_now_ = false;
};

}  // namespace mobula::core
