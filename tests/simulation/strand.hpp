#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/executor.hpp"
#include "core/object.hpp"
#include "simulation/body.hpp"
#include "simulation/context.hpp"

namespace mobula::sim {

class peer;

/// One body that runs: an attempt in a worker, or the driver's main. What the runtime does on a
/// fiber, step by step.
class strand {
 public:
  /// @param attempt  null: the driver's main
  strand(peer& home, core::attempt* attempt, std::uint64_t number);
  ~strand();
  strand(const strand&) = delete;
  strand& operator=(const strand&) = delete;

  void begin(const std::function<body(context&)>& code);
  /// Goes on until it must wait. @return whether it has ended; it is no more then
  bool proceed();
  /// It keeps its slot while it waits.
  bool in_place() const { return in_place_; }

  peer& home() { return home_; }
  core::attempt* attempt() { return attempt_; }
  std::uint64_t number() const { return number_; }
  wire::caller_id caller;
  context& ctx() { return ctx_; }
  void set_step(std::function<bool()> step) { step_ = std::move(step); }

  // What steps are made of.

  /// Whether `count` of them are ready; otherwise it is suspended until they are.
  bool are_ready(const std::vector<ref>& refs, std::size_t count);
  /// The wait can never end.
  void fail_wait();
  /// Whether the wait that `are_ready` began has failed.
  bool take_failure() { return std::exchange(failed_, false); }
  /// Waits in place until `resume_in_place`.
  void stay();
  /// Brings the value's bytes into this node's memory; false: not yet. For each object anew; true
  /// holds for this very moment.
  bool bring(const ref& one);
  read_value read(const ref& one);
  /// Room in the store; false: not yet.
  bool allocate(wire::object_id object, std::size_t size);
  void granted(const wire::location& where) { granted_ = where; }
  /// There is no room: the owner of the result has ended, or too many read what is here.
  void refused() { refused_ = true; }
  bool take_refusal() {
    if (refused_) asked_ = false;
    return std::exchange(refused_, false);
  }
  void fetched(const wire::store_fetched& answer);
  const wire::location& room() const { return *granted_; }
  void forget_room() { granted_.reset(); }
  void adopt_arguments(const plain_arguments& given);
  std::vector<ref> adopt(const std::vector<written_ref>& refs);

 private:
  class ref_waiter final : public core::waiter {
   public:
    strand* told = nullptr;
    ref of;

   private:
    void on_ready(core::object&) override { told->one_is_ready(); }
  };

  void one_is_ready();
  void stop_waiting();
  bool prepare_results();
  void finish();
  std::vector<std::byte> failure() const;
  std::vector<wire::object_id> list_held();

  peer& home_;
  core::attempt* attempt_;
  std::uint64_t number_;
  context ctx_;
  body code_;
  std::function<bool()> step_;
  bool in_place_ = false;
  bool failed_ = false;
  bool finishing_ = false;
  std::vector<std::unique_ptr<ref_waiter>> waiters_;
  std::size_t still_needed_ = 0;
  std::optional<wire::location> granted_;
  bool asked_ = false;
  bool refused_ = false;
  std::optional<core::memory_place> told_;  // where the value is brought to
  std::optional<wire::location> here_;
  std::vector<std::byte> fetch_error_;
  std::vector<core::object*> adopted_;  // with the arguments; one count each
  std::vector<std::optional<wire::location>> stored_results_;
  std::vector<std::vector<std::byte>> result_bytes_;
};

}  // namespace mobula::sim
