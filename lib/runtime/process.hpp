#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/deadlock_finder.hpp"
#include "core/executor.hpp"
#include "core/owner.hpp"
#include "launch/settings.hpp"
#include "runtime/backoff.hpp"
#include "runtime/spinlock.hpp"
#include "runtime/understudy.hpp"
#include "transport/ring/member.hpp"
#include "wire/group_messages.hpp"
#include "wire/receiver.hpp"

namespace mobula::detail {

struct object;
class store_client;
class inquiries;

/// What a process that runs user code is made of: its place in the node, what it owns, and the one
/// lock under which all of it happens. The driver is one, and each worker.
///
/// Whoever waits, progresses: a thread that has nothing to do polls the transport itself. While all
/// threads are busy with user code the understudy does.
class process final : wire::receiver {
 public:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  /// @param member  the process, joined to its node
  /// @param job     the number of this job, of those that the program has been part of
  process(std::unique_ptr<ring::member> member, launch::wait_mode wait, std::uint32_t job = 0);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  /// The one of this process while it is part of a job; null before and after.
  static process* current() noexcept { return current_.load(std::memory_order_acquire); }
  /// @throws mobula::error if this process is not part of a job, or no more
  static process& require();
  /// The calling thread is in std::exit. The others that wait here are not to be told of the job's
  /// end before the program has ended: what they would throw might end it in another way.
  static void begin_exit() noexcept;
  /// The calling thread is about to end the process at once: the others are never told.
  static void begin_immediate_exit() noexcept;
  /// Makes it the current one; null: none any more.
  static void set_current(process* now) noexcept;

  /// What else points here, and so keeps it after the job's end, beside refs, handles and views.
  class tie {
   public:
    explicit tie(process& to) : to_{to} { ++to_.ties_; }
    ~tie() { --to_.ties_; }
    tie(const tie&) = delete;
    tie& operator=(const tie&) = delete;

   private:
    process& to_;
  };

  wire::process_id self() const { return self_; }
  std::uint32_t job() const { return job_; }
  /// Whether it runs the program's main.
  bool is_driver() const { return executor_ == nullptr; }
  /// A ref's or handle's record. @throws error if it is one of another job
  core::object& record_here(const object* record) const;
  /// After the job's end, and once no thread is in here any more: whether nothing is left that
  /// points here, so that it can be destroyed.
  bool is_left_by_all();
  wire::process_id scheduler() const { return wire::process_id::scheduler_of(self_.node()); }
  spinlock& lock() { return lock_; }
  core::owner& owner() { return owner_; }
  /// Of tasks without options: one cpu.
  core::shape& default_shape() { return default_shape_; }
  ring::port& port() { return member_->port(); }
  ring::member& member() { return *member_; }
  store_client& store() { return *store_; }
  detail::inquiries& inquiries() { return *inquiries_; }
  /// In a worker: what runs here. Set once, before the first message.
  void set_executor(core::executor* executor) { executor_ = executor; }
  core::executor* executor() { return executor_; }
  /// In a worker: how many GPUs it sees. Set once, before the first message.
  void set_gpus(std::uint32_t count) { gpus_ = count; }
  std::uint32_t gpus() const { return gpus_; }
  /// Of its leases, and the hardware threads where it runs. Set once, before user code runs.
  void set_cores(double cpus, std::string threads) {
    cpus_ = cpus;
    threads_ = std::move(threads);
  }
  double cpus() const { return cpus_; }
  /// How often the batch job was started again. Set as above.
  void set_restarts(std::uint32_t count) { restarts_ = count; }
  std::uint32_t restarts() const { return restarts_; }
  const std::string& threads() const { return threads_; }
  /// What looks into long waits there. As above.
  void set_deadlock_finder(core::deadlock_finder* finder) { deadlock_finder_ = finder; }

  // Under the lock.

  /// The number of the next placement group that is made here.
  std::uint64_t next_group() { return ++last_group_; }
  /// Polls, acts on what came, and sends what is ready. @returns how many messages came
  std::size_t progress();
  /// Sends what is ready.
  void flush();
  /// Has the scheduler told of a result, by a later flush, once all that was sent to its owner
  /// before is on its way.
  void seal_behind(wire::process_id owner, const wire::store_sealed& told);
  /// Sends it now if the one who stands in for this thread sleeps, and so would not for long.
  void send_soon() {
    if (understudy_.may_be_asleep()) flush();
  }
  /// When tick is wanted next.
  std::uint64_t next_deadline_ns();

  // Without the lock.

  /// Polls until `done()` (called under the lock), sleeping when that takes long.
  /// Not from a fiber that should let others run. @returns false: the deadline has passed
  template <class Done>
  bool wait_until(Done&& done, std::uint64_t deadline_ns = never);
  /// The calling thread polled until now, and goes back to user code.
  void rest();
  /// What happened in this process may concern other threads of it, which sleep.
  void wake_sleepers();
  /// The job is over for this process: whoever still waits in it returns, without success.
  void end();
  bool has_ended() const { return ended_.load(std::memory_order_acquire); }
  void start_understudy() { understudy_.start(); }
  /// Stops the understudy; nothing polls any more but who waits.
  void stop_understudy() { understudy_.stop(); }

 private:
  friend class understudy;

  void on_message(wire::process_id from, wire::blob message) override;
  void on_closed(wire::process_id peer) override;
  void on_group_ready(const wire::group_ready& news);
  void behind(wire::process_id dead, wire::process_id from, wire::blob message);
  void send_seals();
  struct nap {
    ring::sleep_ticket ticket;
    std::uint64_t deadline_ns;
    bool counted;  // in sleepers_
  };
  /// Under the lock. Nothing: there is something to do first.
  std::optional<nap> prepare_nap(std::uint64_t deadline_ns);
  void take_nap(const nap& how);

  void tick();

  /// Until when the understudy sleeps; 0: it is awake.
  std::atomic<std::uint64_t> understudy_sleeps_until_ns_{0};

  static constexpr std::uint32_t polls_between_ticks = 64;
  static constexpr std::uint32_t polls_between_looks = 8;
  static constexpr std::uint32_t polls_between_clocks = 64;
  static std::atomic<process*> current_;

  spinlock lock_;
  std::unique_ptr<ring::member> member_;
  wire::process_id self_;
  launch::wait_mode wait_;
  std::uint32_t job_;
  core::owner owner_;
  core::shape& default_shape_;
  core::executor* executor_ = nullptr;
  core::deadlock_finder* deadlock_finder_ = nullptr;
  std::unique_ptr<store_client> store_;
  std::unique_ptr<detail::inquiries> inquiries_;
  std::unordered_set<wire::process_id> closed_;
  std::unordered_map<wire::process_id, std::vector<std::vector<std::byte>>> held_back_;
  std::uint32_t idle_polls_ = 0;
  bool tick_due_ = false;
  std::atomic<bool> ended_{false};
  std::atomic<std::uint32_t> ties_{0};
  std::uint32_t gpus_ = 0;
  std::uint32_t restarts_ = 0;
  std::uint64_t last_group_ = 0;
  double cpus_ = 0;
  std::string threads_;
  std::vector<std::pair<wire::process_id, wire::store_sealed>> seals_;  // with whose owner
  std::atomic<std::uint32_t> sleepers_{0};  // threads that sleep, without the understudy
  std::atomic<std::uint64_t> beats_{0};     // polls by others than the understudy
  understudy understudy_;
};

template <class Done>
bool process::wait_until(Done&& done, std::uint64_t deadline_ns) {
  // The understudy has nothing to be quick for.
  backoff patience{understudy::is_this_thread() ? launch::wait_mode::block : wait_};
  for (std::uint32_t polls = 0;; ++polls) {
    std::size_t came = 0;
    {
      const std::lock_guard held{lock_};
      // Messages bring it about; or another thread, which need not be seen at once.
      if (polls % polls_between_looks == 0 && done()) return true;
      came = progress();
      if (came != 0 && done()) return true;
    }
    // Also while messages keep coming: they may be about anything but this.
    const bool look_at_clock = deadline_ns != never && polls % polls_between_clocks == 0;
    if (look_at_clock && ring::now_ns() >= deadline_ns) return false;
    if (came != 0) {
      patience.reset();
      continue;
    }
    if (patience.again() && !has_ended()) continue;
    patience.reset();
    std::optional<nap> until;
    {
      // Under one lock: whoever handles a message from here on sees that somebody sleeps.
      const std::lock_guard held{lock_};
      if (done()) return true;
      until = prepare_nap(deadline_ns);
    }
    if (until) {
      // Looked at again: the end rings once, and may have rung before this thread was counted in.
      if (has_ended()) until->deadline_ns = 0;
      take_nap(*until);
    }
    // Who polls rarely must not overstay; and what has ended brings nothing more.
    if (has_ended() || (deadline_ns != never && ring::now_ns() >= deadline_ns)) {
      const std::lock_guard held{lock_};
      return done();
    }
  }
}

}  // namespace mobula::detail
