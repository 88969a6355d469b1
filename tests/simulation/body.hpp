#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace mobula::sim {

/// What a simulated task or call does: a coroutine that begins when it is first resumed.
class body {
 public:
  struct promise_type {
    body get_return_object() {
      return body{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };

  body() = default;
  explicit body(std::coroutine_handle<promise_type> of) : handle_{of} {}
  body(body&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
  body& operator=(body&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~body() {
    if (handle_) handle_.destroy();
  }

  bool done() const { return handle_.done(); }
  void resume() const { handle_.resume(); }
  explicit operator bool() const { return static_cast<bool>(handle_); }

 private:
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace mobula::sim
