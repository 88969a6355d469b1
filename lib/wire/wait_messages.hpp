#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "wire/messages.hpp"

// Who waits for whom: asked by a process in which a task has waited for long, step by step, to find
// out whether that wait can ever end.

namespace mobula::wire {

/// What can wait, and who knows what for.
enum class wait_kind : std::uint8_t {
  object = 1,   // that isn't made yet; its owner
  attempt = 2,  // of a task or call; the worker that it was pushed to
  lease = 3,    // that somebody wants to end; its worker
  request = 4,  // for leases; the scheduler where it waits
  room = 5,     // the same request, as far as another scheduler's node could meet it
};
constexpr bool is_known(wait_kind it) { return it >= wait_kind::object && it <= wait_kind::room; }

/// One thing that may be waiting. Not a message; part of both.
struct wait_point {
  wait_kind kind = wait_kind::object;
  std::uint32_t attempt = 0;
  process_id asked = {};         // who knows what it waits for
  object_id object = {};         // an attempt: result 0 of its task
  process_id by = {};            // a lease: who granted it; request and room: who asked for it
  std::uint64_t number = 0;      // a lease's, or a request's
  resource_amounts demand = {};  // of request and room

  auto key() const { return std::tie(kind, attempt, asked, object, by, number); }
  bool operator==(const wait_point& other) const { return key() == other.key(); }
  bool operator<(const wait_point& other) const { return key() < other.key(); }

  static void fields(auto& visit, auto& self) {
    visit(self.kind);
    visit(self.attempt);
    visit(self.asked);
    visit(self.object);
    visit(self.by);
    visit(self.number);
    visit(self.demand);
  }
};

/// To who knows: what does it wait for?
struct wait_query {
  static constexpr auto type = message_type::wait_query;
  std::uint64_t token = 0;
  wait_point about;
  static void fields(auto& visit, auto& self) {
    visit(self.token);
    wait_point::fields(visit, self.about);
  }
};

/// The answer: it goes on when `needed` of `on` have ended or gone on. 0: it can go on, or is not
/// here (any more), or is not known to wait for others.
struct wait_reply {
  static constexpr auto type = message_type::wait_reply;
  std::uint64_t token = 0;
  std::uint32_t needed = 0;
  /// Changes whenever it has gone on. While it is the same, `on` only ever loses what has ended.
  std::uint64_t stamp = 0;
  bool can_fail = false;          // an attempt that waits, and whose wait may be ended
  std::uint32_t concurrency = 0;  // a call that may not begin: how many its actor runs at once
  function_id function;           // of an object: that which makes it
  object_id actor;                // of a call
  std::string name;               // task_options::name, or empty
  std::vector<wait_point> on;

  static void fields(auto& visit, auto& self) {
    visit(self.token);
    visit(self.needed);
    visit(self.stamp);
    visit(self.can_fail);
    visit(self.concurrency);
    visit(self.function);
    visit(self.actor);
    visit(self.name);
    visit(self.on);
  }
};

/// A reply names no more points than this: what needs all of more shows some of them, what needs
/// one of more counts as able to go on.
inline constexpr std::size_t wait_points_max = 1024;

}  // namespace mobula::wire
