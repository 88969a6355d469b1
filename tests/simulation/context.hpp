#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "simulation/ref.hpp"

namespace mobula::sim {

class strand;

/// What a body read: the refs inside a value that was as it should be, or an error.
struct read_value {
  std::optional<wire::error_code> error;
  std::string what;
  std::vector<ref> refs;
};

/// What a body asks for.
struct call {
  std::size_t function = 0;
  std::vector<ref> given = {};   // parameters; the body sees their values
  std::vector<ref> nested = {};  // inside a container; the body sees the refs
  std::uint64_t seed = 0;
  std::int32_t depth = 0;
  std::uint32_t results = 1;
  std::uint32_t demand = 0;       // in world::demands
  std::uint32_t concurrency = 1;  // of an actor
};

/// Something to co_await: `step` is called until it says that the body may go on.
template <class Result>
class awaitable {
 public:
  awaitable(strand& of, std::function<bool()> step, std::function<Result()> result)
      : of_{of}, step_{std::move(step)}, result_{std::move(result)} {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<>);
  Result await_resume() { return result_(); }

 private:
  strand& of_;
  std::function<bool()> step_;
  std::function<Result()> result_;
};

/// What a body can do: the core of the public interface, in simulated processes.
class context {
 public:
  explicit context(strand& of) : of_{of} {}
  context(const context&) = delete;
  context& operator=(const context&) = delete;

  label self = 0;
  std::uint64_t seed = 0;
  std::int32_t depth = 0;
  std::vector<read_value> values;  // of the parameters
  std::vector<ref> refs;           // that came inside the arguments

  struct result {
    std::vector<ref> refs = {};
    std::size_t filler_bytes = 0;
  };
  std::vector<result> results;  // results that are not set are plain
  bool fails = false;           // ends with an error instead

  std::vector<ref> submit_split(call what);
  ref submit(call what) { return submit_split(std::move(what)).front(); }
  ref create_actor(call what);
  ref call_actor(const ref& actor, call what);
  ref put(std::vector<ref> inside = {});

  awaitable<ref> put_stored(std::size_t filler_bytes, std::vector<ref> inside = {});
  awaitable<std::vector<read_value>> get_all(std::vector<ref> refs);
  awaitable<read_value> get(ref one);
  /// Which of them are ready, once `count` are. `fails` if they never will be.
  awaitable<std::vector<bool>> wait(std::vector<ref> refs, std::size_t count);
  /// Keeps the process busy.
  awaitable<bool> work(std::uint64_t ns);

  /// An actor's state.
  std::shared_ptr<void>& instance();
  wire::process_id process() const;
  std::uint64_t now_ns() const;

 private:
  strand& of_;
};

}  // namespace mobula::sim
