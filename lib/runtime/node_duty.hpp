#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "runtime/meeting.hpp"

namespace mobula::detail {

/// How a rank's duty to its node ended.
struct duty_end {
  enum class way : std::uint8_t {
    done,       // the job has ended in order
    abandoned,  // the driver's node has gone; what to say of that is its business
    failed,
  };
  way how = way::done;
  std::string why = {};  // a sentence
};

/// What a rank does for its node while the job runs, beside the user's code or instead of it: the
/// first rank of a node waits for the end of the scheduler that it started, all others are seats.
/// It sleeps nearly all the time.
class node_duty {
 public:
  /// @param of  held; outlives this
  explicit node_duty(meeting& of) : meeting_{of} {}
  ~node_duty();
  node_duty(const node_duty&) = delete;
  node_duty& operator=(const node_duty&) = delete;

  /// Does it in the calling thread. Returns when the scheduler has ended or, in a seat, dismissed
  /// it.
  duty_end carry_out();

  /// Does it in a thread of its own, until `join`.
  /// @param when_over  called there, once it is over
  void begin(std::function<void()> when_over);
  /// Whether it is: `when_over` was called, or is about to be.
  bool is_over() const { return over_.load(std::memory_order_acquire); }
  /// How it ended; once it is over.
  duty_end conclude();
  /// Waits until it is over. @returns false: the scheduler did not end within that time, and was
  /// ended. (A seat's is ended by the rank that started it.)
  bool join(std::chrono::milliseconds patience);

 private:
  void wait_until_over();

  meeting& meeting_;
  std::thread thread_;
  std::atomic<bool> over_{false};
  bool was_dismissed_ = false;  // a seat: by its scheduler
};

}  // namespace mobula::detail
