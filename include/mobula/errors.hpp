#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "mobula/detail/api.hpp"

// What `get` and the other calls throw. Every text says what happened, where, and what to do.
// Wrong arguments are std::invalid_argument instead.

namespace MOBULA_API mobula {

/// Any error of Mobula: also use before init or after shutdown, and of an empty ref.
class error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A remote function, a method or an actor's constructor threw.
///
/// what() is a sentence with all of the parts below.
class task_error : public error {
 public:
  struct origin {
    std::string message;         // what() of the exception
    std::string exception_type;  // as written in C++
    std::string function;        // the remote function's name
    std::string host;            // where it ran; may be empty
    std::uint32_t node = 0;
    std::uint32_t process = 0;
  };
  explicit task_error(origin from);

  /// what() of the exception that was thrown; empty if it wasn't a std::exception.
  const std::string& message() const noexcept { return from_.message; }
  /// Its type, as written in C++.
  const std::string& exception_type() const noexcept { return from_.exception_type; }
  /// The remote function that threw.
  const std::string& function() const noexcept { return from_.function; }
  /// The host that it ran on.
  const std::string& host() const noexcept { return from_.host; }
  /// The node that it ran on.
  std::uint32_t node() const noexcept { return from_.node; }
  /// The process that it ran in, as numbered on its node.
  std::uint32_t process() const noexcept { return from_.process; }

 private:
  origin from_;
};

/// The process that ran the task ended before the task did.
class worker_died : public error {
 public:
  using error::error;
};

/// The actor's process ended, or its last handle went. The call may have run.
class actor_died : public error {
 public:
  using error::error;
};

/// Every copy of the object went with the processes that held one.
class object_lost : public error {
 public:
  using error::error;
};

/// The process that submitted the task or put the object ended, and with it what it owned.
class owner_died : public error {
 public:
  using error::error;
};

/// The time limit of a blocking call passed. What was waited for goes on.
class timed_out : public error {
 public:
  using error::error;
};

/// The task was cancelled.
class cancelled : public error {
 public:
  using error::error;
};

/// A node has no room for the object.
class store_full : public error {
 public:
  using error::error;
};

/// No node of the job could ever give what the task or actor asks for.
class infeasible : public error {
 public:
  using error::error;
};

/// More tasks wait for their arguments than may.
class too_many_pending : public error {
 public:
  using error::error;
};

/// More tasks of a worker are suspended than may be.
class nesting_limit : public error {
 public:
  using error::error;
};

/// Tasks or actors wait for each other in a cycle, by way of calls or of resources that they hold.
///
/// Thrown by the blocking call of one of them, chosen by the library, once it has waited for ten
/// seconds (MOBULA_DEADLOCK_AFTER_MS); the others go on when that one has ended. what() names each
/// step of the cycle. Calls with a time limit time out instead.
class deadlock : public error {
 public:
  using error::error;
};

/// A checkpoint can't be written or read: a file is missing, torn, changed, foreign or of another
/// type, or a node does not see the folder. what() names the file. See mobula/checkpoint.hpp.
class checkpoint_error : public error {
 public:
  using error::error;
};

}  // namespace mobula
