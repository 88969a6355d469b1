#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "launch/nursery.hpp"
#include "launch/record_channel.hpp"
#include "launch/seat_door.hpp"
#include "launch/seat_records.hpp"

namespace mobula::launch {

/// What a scheduler is told of its seats; out of seats::poll alone.
class seats_listener {
 public:
  virtual void seat_joined(std::uint32_t rank) = 0;
  /// Its children's ends are told too, each when it is certain.
  virtual void seat_lost(std::uint32_t rank) = 0;
  /// The child has ended, certainly; `how` goes into a sentence: "killed by signal 9 (Killed)".
  virtual void child_ended(std::uint32_t incarnation, const std::string& how) = 0;
  /// Three children in a row ended before they entered service, the last like this. What they wrote
  /// stands on the terminal. There is no use in starting more.
  virtual void children_fail(const std::string& how) = 0;

 protected:
  ~seats_listener() = default;
};

/// A scheduler's view of the seats of its node: itself, for its rank, and the other ranks, that
/// join through the door. Starts each child on the seat that has the fewest.
class seats {
 public:
  /// @param own_rank  the rank whose seat this process is
  /// @param common    what children of this process have in common
  /// @param door      absent where the node has one rank
  seats(std::uint32_t own_rank, child_recipe common, std::optional<seat_door> door);

  /// For epoll: readable when `poll` has something to do.
  int descriptor() const { return epoll_.get(); }
  /// Takes what has happened, and tells of it. Does not wait.
  void poll(seats_listener& listener);

  /// Starts a child, with these variables besides those that all have, on these threads (none:
  /// where its seat's may run); if that can't be done, child_ended tells why.
  void start(std::uint32_t incarnation, std::string text, environment variables = {},
             const hardware::thread_set& threads = {});
  /// The child has entered service: it can be started, whatever becomes of it.
  void entered(std::uint32_t incarnation);
  void signal(std::uint32_t incarnation, int number);
  /// All is done: the other seats may leave, and end what children they have.
  void dismiss();

  /// Children started (or about to be) whose end was not told yet.
  std::size_t child_count() const { return children_.size(); }
  /// 0 while it is not known.
  pid_t pid_of(std::uint32_t incarnation) const;

 private:
  static constexpr std::uint32_t own_seat = 0;
  static constexpr unsigned failures_max = 3;
  enum class source : std::uint32_t { door, own_children, news, seat, orphan };

  struct remote_seat {
    record_channel channel;
    std::optional<std::uint32_t> rank;  // known once it has shown the token
    bool waits_for_room = false;
  };
  struct started_child {
    std::uint32_t seat = own_seat;
    std::uint32_t rank = 0;
    pid_t pid = 0;
    bool entered = false;
    bool signalled = false;      // by us: how it ends says nothing about those to come
    launch::descriptor watched;  // of other seats' children; readable when it has ended
  };

  void watch(int number, source from, std::uint32_t key);
  void take_event(source from, std::uint32_t key, seats_listener& listener);
  void let_in();
  void hear(std::uint32_t seat, seats_listener& listener);
  /// @returns whether the record was in order
  bool take_record(std::uint32_t seat, record_channel::record& record, seats_listener& listener);
  void lose(std::uint32_t seat, seats_listener& listener);
  /// Whether a child's end says something about those to come, or only about its seat.
  enum class blame : std::uint8_t { child, seat };
  void end_child(std::uint32_t incarnation, const std::string& how, blame whose,
                 seats_listener& listener);
  void send(std::uint32_t seat, std::string bytes);
  void update_room(std::uint32_t seat);
  std::uint32_t least_busy() const;

  std::uint32_t own_rank_;
  nursery own_children_;
  std::optional<seat_door> door_;
  launch::descriptor epoll_;
  launch::descriptor news_;                                     // an eventfd: refused_ has some
  std::vector<std::pair<std::uint32_t, std::string>> refused_;  // own children that did not start
  std::map<std::uint32_t, remote_seat> remote_;                 // by a number of our own, from 1
  std::uint32_t next_seat_ = own_seat + 1;
  std::map<std::uint32_t, started_child> children_;
  unsigned failures_ = 0;
};

}  // namespace mobula::launch
