#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/executor.hpp"
#include "core/owner.hpp"
#include "core/wait_graph.hpp"
#include "wire/outbox.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

struct deadlock_limits {
  /// A wait is looked into once it has lasted so long, and again after as long.
  std::uint64_t after_ns = 10'000'000'000;
  /// A look to which no answer comes for so long is given up.
  std::uint64_t patience_ns = 10'000'000'000;
  /// Points that a look asks about. What lies beyond counts as able to go on.
  std::size_t points_max = 4096;
};

/// Who runs the attempts that a finder looks at.
class deadlock_host {
 public:
  /// For people; empty if it isn't known.
  virtual std::string name_of(wire::function_id function) = 0;
  /// Ends the wait of a suspended attempt: it throws this.
  virtual void fail(attempt& victim, std::string what) = 0;

 protected:
  ~deadlock_host() = default;
};

/// Finds out whether what has waited long in this process can ever go on. One in each worker.
///
/// Follows what an attempt waits for from process to process, each asked about what it alone
/// knows. If some wait for each other, all of those are asked once more: who says the same has
/// waited all the while, so all of them did at the moment between the two rounds, and a deadlock
/// never ends by itself. Each process that looks finds the same attempt to be the one to fail; only
/// the one where it is suspended acts.
///
/// idle -> exploring [-> confirming] -> idle; back to idle also when a process ends or an answer
/// does not come. Costs nothing while nothing waits long.
class deadlock_finder {
 public:
  deadlock_finder(wire::process_id self, owner& owns, executor& runs, deadlock_host& host,
                  wire::outbox& out, deadlock_limits limits);
  deadlock_finder(const deadlock_finder&) = delete;
  deadlock_finder& operator=(const deadlock_finder&) = delete;

  /// Takes wait_reply.
  void on_message(wire::process_id from, wire::blob message);
  /// What was being found out may have been about it.
  void process_ended(wire::process_id process);

  void tick(std::uint64_t now_ns);
  /// When tick is wanted next; 0: at once; UINT64_MAX: never.
  std::uint64_t next_deadline_ns() const;

  bool idle() const { return doing_ == doing::nothing; }
  /// Deadlocks in which an attempt was failed here.
  std::uint64_t found() const { return found_; }

 private:
  enum class doing : std::uint8_t { nothing, exploring, confirming };
  struct candidate {
    attempt* one = nullptr;
    std::uint64_t wait = 0;
  };

  void rest();
  void look();
  void explore_next();
  void drop();
  void ask(wait_graph::index about);
  void take(wait_graph::index about, wire::wait_reply said);
  void ask_pending();
  bool is_answered(wait_graph::index about) const;
  void answers_are_in();
  void confirm(const wait_graph::knot& one);
  void act();

  wire::process_id self_;
  owner& owner_;
  executor& executor_;
  deadlock_host& host_;
  wire::outbox& out_;
  deadlock_limits limits_;

  /// Looks are taken at every part of `after_ns`; the number of the last wait that had begun at
  /// each of the last ones tells which waits are old.
  static constexpr std::size_t looks_per_wait = 4;
  std::array<std::uint64_t, looks_per_wait> begun_by_{};
  std::uint64_t looks_ = 0;
  std::uint64_t now_ns_ = 0;
  std::uint64_t look_at_ns_ = 0;  // 0: none is planned

  std::vector<candidate> candidates_;             // of this look, the last one next
  std::unordered_set<std::uint64_t> seen_waits_;  // of our own that were met on the way
  std::size_t points_seen_ = 0;                   // in this look

  doing doing_ = doing::nothing;
  std::uint32_t round_ = 0;  // of questions; an answer to an earlier one is dropped
  std::uint64_t give_up_at_ns_ = 0;
  wait_graph graph_{0};
  std::vector<wait_graph::index> pending_;  // to be asked
  std::size_t unanswered_ = 0;
  wait_graph::knot knot_;
  std::vector<std::optional<wire::wait_reply>> again_;  // of each member, when confirming
  std::uint64_t found_ = 0;
};

}  // namespace mobula::core
