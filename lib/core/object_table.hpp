#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/ended_processes.hpp"
#include "core/object.hpp"
#include "core/object_slab.hpp"
#include "core/process_counts.hpp"
#include "wire/outbox.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

/// The objects that a process owns, and those that it borrows: their values, who waits for them,
/// who holds them, and when they are freed.
///
/// An owned object lives as long as a local count, its pending maker or a borrower holds it. A
/// borrowed record lives as long as a local count; its owner hears when the last one goes.
/// What becomes free frees what it contains, without recursion.
class object_table {
 public:
  /// @param job  stands in each record: a program may take part in several jobs, one after the
  ///             other, and refs of one must not be taken for those of another
  object_table(wire::process_id self, wire::outbox& out, std::uint32_t job = 0);
  ~object_table();
  object_table(const object_table&) = delete;
  object_table& operator=(const object_table&) = delete;

  /// A pending object of ours with `count` results; result 0 is returned. Nobody holds it yet.
  object& make(std::uint32_t count);
  /// Result `index` of the task whose result 0 is `first`.
  object& result(object& first, std::uint32_t index);
  /// The record of an id, owned or borrowed, or null.
  object* find(wire::object_id id);

  /// A ref to `id` came here: its record, with one count for the caller. The id of an object of
  /// ours that is gone gives a record that has failed.
  object& adopt(wire::object_id id);
  /// The same, and its owner has been told already that we hold it.
  object& adopt_registered(wire::object_id id);
  /// Has the owner told that we hold it, if it was not yet. `container`, through which the ref
  /// came, is held until the owner has answered.
  void register_through(object& borrowed, object& container);
  /// Whether a completion has to list `held`, which this process goes on holding after the task
  /// that it came with: unless its owner has said that it counts us, or has ended. What was listed
  /// elsewhere may be on its way still, and the submitter's letting go be faster; or it was lost,
  /// with the submitter that it was listed to.
  bool must_report(object& held);
  /// Another process holds `ref` from now on; if it is not ours its owner is told and our own hold
  /// kept until it answers.
  void share(object& ref, wire::process_id holder);

  /// The same for a ref that only came by here, inside one of `containers`: these are held until
  /// its owner has answered.
  void share_through(wire::object_id id, wire::process_id holder,
                     std::span<object* const> containers);

  void hold(object& one) { one.counts.fetch_add(1, std::memory_order_relaxed); }
  /// Ends one count.
  void drop(object& one);
  /// Frees what has lost its last count otherwise than by `drop`.
  void free_uncounted();
  /// The maker of an owned object has ended: free it if nobody else holds it.
  void maker_ended(object& one);

  /// Makes a pending object ready and tells all who wait. `contains`: ids of the refs inside; for
  /// an owned object they are adopted as registered.
  void set(object& one, const wire::value_view& value);
  void set_failed(object& one, const wire::error_value& error);
  /// Asks for the object from now on, so that it becomes ready here. No-op unless borrowed.
  void want(object& one);
  /// A view of a ready object's value; `ids` takes the ids inside it and must outlive the view.
  wire::value_view view(const object& one, std::vector<wire::object_id>& ids) const;

  /// True if the message's type was one of this table's.
  bool on_message(wire::process_id from, wire::blob message);
  /// A scheduler's end is that of its whole node. Costs nothing that grows with the number of
  /// objects unless the process borrows one, owns one that is borrowed here, or owes an answer.
  void on_process_ended(wire::process_id ended);
  /// As far as this process has heard.
  bool has_ended(wire::process_id process) const;
  /// Sends what was gathered: releases, one message for each owner.
  void flush();

  /// Told when the last handle of an actor made here is gone.
  std::function<void(object& handle)> on_actor_unheld;

  /// What it owns: each first result, with its siblings inside. For reports.
  void look_at_owned(const std::function<void(const object&)>& look) {
    slab_.for_each([&](const object& one) { look(one); });
  }
  std::size_t owned() const { return slab_.live() + siblings_alive_; }
  std::size_t borrowed() const { return borrowed_.size(); }
  std::size_t acknowledgements_awaited() const { return awaited_.size(); }
  /// Whether other processes hold anything of ours.
  bool others_hold() const { return shared_ != 0; }
  /// How often a process ended that made it look at every object. For reports.
  std::uint64_t searches() const { return searches_; }

 private:
  struct awaited_ack {
    wire::process_id owner;
    wire::process_id borrower;
    std::vector<object*> held;
  };

  void on_subscribe(wire::process_id from, const wire::object_subscribe& asked);
  void on_ready(const wire::object_ready& message);
  void on_borrow_add(wire::process_id from, const wire::borrow_add& message);
  void on_borrow_ack(wire::process_id from, const wire::borrow_ack& message);
  void on_borrow_release(wire::process_id from, wire::blob ids);
  void on_replica(const wire::replica_add& message);
  void on_orphan(const wire::store_orphan& message);
  void on_offer(const wire::store_offer& message);
  void add_borrower(object& one, wire::process_id who);
  void count_borrower(object& one, wire::process_id who, std::int32_t change);
  void ask_owner(wire::object_id ref, wire::process_id borrower, std::span<object* const> held);
  void tell_subscribers(object& one);
  void tell_waiters(object& one);
  void send_ready(object& one, wire::process_id to);
  void unheld(object& one);
  void free_doomed();
  void free_owned(object& one);
  void free_borrowed(object& one);
  static bool is_borrowed(const object_extras& of);
  bool is_held(const object& one) const;
  object& borrow(wire::object_id id);
  void search_for(wire::process_id ended);
  void forget_process(object& one, wire::process_id ended);
  static void forget_copies(object& one, wire::node_id ended);
  static void doubt(object& one, const wire::location& failed);
  static std::optional<std::size_t> index_of_copy(const object& one, const wire::location& where);
  static bool is_good_without(const object& one, std::size_t index);
  static void remove_copy(object& one, std::size_t index);

  wire::process_id self_;
  wire::outbox& out_;
  std::uint32_t job_;
  object_slab slab_;
  std::unordered_map<wire::object_id, std::unique_ptr<object>> borrowed_;
  std::unordered_map<std::uint64_t, awaited_ack> awaited_;  // by token
  std::uint64_t next_token_ = 1;
  std::unordered_map<wire::process_id, std::vector<wire::object_id>> releases_;
  ended_processes ended_;
  /// Borrowers of each owned object, owners of borrowed ones, and those whose answer is awaited.
  process_counts involved_;
  std::uint64_t searches_ = 0;
  std::vector<object*> doomed_;
  bool freeing_ = false;
  std::size_t shared_ = 0;  // owned objects with borrowers
  std::size_t siblings_alive_ = 0;
};

}  // namespace mobula::core
