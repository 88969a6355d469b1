#include "runtime/process.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/waits.hpp"
#include "mobula/errors.hpp"
#include "mobula/options.hpp"
#include "runtime/casts.hpp"
#include "runtime/demands.hpp"
#include "runtime/inquiries.hpp"
#include "runtime/store_client.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

using wire::process_id;

std::atomic<process*> process::current_{nullptr};

namespace {

std::atomic<bool> was_part_of_a_job{false};
std::atomic<bool> is_exiting{false};
std::atomic<bool> is_exiting_at_once{false};
thread_local bool exits_here = false;

}  // namespace

process::process(std::unique_ptr<ring::member> member, launch::wait_mode wait, std::uint32_t job)
    : member_{std::move(member)},
      self_{member_->port().self()},
      wait_{wait},
      job_{job},
      owner_{self_, member_->port(), core::owner::limits{}, job},
      default_shape_{owner_.shape_for(demand_of(task_options{}))},
      store_{std::make_unique<store_client>(*this)},
      inquiries_{std::make_unique<detail::inquiries>(*this)},
      understudy_{*this} {}

process::~process() { stop_understudy(); }

process& process::require() {
  if (process* now = current()) return *now;
  while (is_exiting_at_once && !exits_here) std::this_thread::sleep_for(std::chrono::hours{1});
  // Not for ever: the exit may wait for this very thread.
  constexpr std::chrono::seconds patience{10};
  if (is_exiting && !exits_here) std::this_thread::sleep_for(patience);
  if (was_part_of_a_job)
    throw error{
        "the job has ended for this process (mobula::shutdown, or the end of mobula::runtime): "
        "refs and handles that are left can only be destroyed"};
  throw error{
      "this process is not part of a job: construct mobula::runtime (or call mobula::init) before"};
}

void process::begin_exit() noexcept {
  exits_here = true;
  is_exiting = true;
}

void process::begin_immediate_exit() noexcept {
  exits_here = true;
  is_exiting_at_once = true;
}

core::object& process::record_here(const object* record) const {
  core::object& one = record_of(record);
  if (one.job == job_) return one;
  throw error{
      "the ref or handle is of a job that has ended for this process, before the one that it is "
      "part of now: it can only be destroyed"};
}

bool process::is_left_by_all() {
  const std::lock_guard held{lock_};
  // Nothing that it would still send has anywhere to go.
  port().peer_ended(scheduler());
  owner_.objects().free_uncounted();
  return owner_.objects().owned() == 0 && owner_.objects().borrowed() == 0 &&
         owner_.tasks_live() == 0 && store_->pins() == 0 && ties_ == 0;
}

void process::end() {
  stop_understudy();
  process* me = this;
  current_.compare_exchange_strong(me, nullptr);
  ended_.store(true, std::memory_order_release);
  port().interrupt();
}

void process::set_current(process* now) noexcept {
  if (now) was_part_of_a_job = true;
  current_.store(now, std::memory_order_release);
}

std::size_t process::progress() {
  std::size_t came = 0;
  if (!port().quiet()) came = port().poll(*this, 64);
  if (!understudy::is_this_thread())
    beats_.store(beats_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  // The look at the clock waits until nothing comes, so that it holds up no answer; but not twice.
  const bool now = came == 0 ? tick_due_ || ++idle_polls_ % polls_between_ticks == 0 : tick_due_;
  if (came == 0 && !now) return 0;
  if (now) tick();
  tick_due_ = !now;
  flush();
  if (came != 0) wake_sleepers();
  return came;
}

void process::tick() {
  const std::uint64_t now = ring::now_ns();
  owner_.tick(now);
  if (executor_) executor_->tick(now);
  if (deadlock_finder_) deadlock_finder_->tick(now);
}

void process::flush() {
  owner_.flush();
  port().flush();
  if (!seals_.empty()) send_seals();
}

void process::seal_behind(process_id owner, const wire::store_sealed& told) {
  seals_.emplace_back(owner, told);
}

// A maker that dies in between leaves a copy that its owner is asked for; a sealed one nobody would
// free if the owner had not heard of it.
void process::send_seals() {
  std::erase_if(seals_, [this](const auto& one) {
    if (port().waits(one.first)) return false;
    wire::send(port(), scheduler(), one.second);
    return true;
  });
  port().flush();
}

std::uint64_t process::next_deadline_ns() {
  std::uint64_t next = owner_.next_deadline_ns();
  if (executor_) next = std::min(next, executor_->next_deadline_ns());
  if (deadlock_finder_) next = std::min(next, deadlock_finder_->next_deadline_ns());
  return next;
}

std::optional<process::nap> process::prepare_nap(std::uint64_t deadline_ns) {
  flush();
  const std::uint64_t now = ring::now_ns();
  const std::uint64_t until = std::min(deadline_ns, next_deadline_ns());
  if (until <= now) {
    // Ours or the state machines': the next poll sees to it.
    tick_due_ = true;
    return std::nullopt;
  }
  const auto ticket = port().prepare_sleep(now);
  if (!ticket) return std::nullopt;
  tick_due_ = true;
  const bool counted = !understudy::is_this_thread();
  if (counted) {
    ++sleepers_;
  } else {
    understudy_sleeps_until_ns_ = until;
  }
  return nap{*ticket, until, counted};
}

void process::take_nap(const nap& how) {
  port().sleep(how.ticket, how.deadline_ns);
  if (!how.counted) {
    understudy_sleeps_until_ns_ = 0;
    return;
  }
  --sleepers_;
  understudy_.unpark();
}

// What came may be what another thread waits for. A sender's bell wakes it too, but nobody rings
// for what this process sent itself.
void process::wake_sleepers() {
  if (sleepers_.load(std::memory_order_relaxed) != 0) port().interrupt();
}

void process::rest() {
  if (!understudy_.may_be_asleep()) return;
  const std::lock_guard held{lock_};
  while (!port().rest()) progress();
  // What found no room is tried again by whoever polls, and what is due is seen to: the one who
  // sleeps does not know of what came since it fell asleep.
  const std::uint64_t until = understudy_sleeps_until_ns_;
  if (until == 0 || (!port().has_backlog() && next_deadline_ns() >= until)) return;
  understudy_sleeps_until_ns_ = 0;
  port().interrupt();
}

void process::on_message(process_id from, wire::blob message) {
  switch (wire::type_of(message)) {
    case wire::message_type::task_push:
    case wire::message_type::actor_call:
    case wire::message_type::task_reclaim:
    case wire::message_type::actor_end:
    case wire::message_type::lease_revoke:
    case wire::message_type::cpus_grant:
    case wire::message_type::worker_retire:
      if (executor_) executor_->on_message(from, message);
      return;
    case wire::message_type::store_grant:
    case wire::message_type::store_freed:
    case wire::message_type::store_query:
      return store_->on_message(message);
    case wire::message_type::store_fetched:
      if (const auto m = wire::decode<wire::store_fetched>(message);
          m && executor_ && core::executor::is_fetch_token(m->token))
        return executor_->on_message(from, message);
      return store_->on_message(message);
    case wire::message_type::nodes_reply:
    case wire::message_type::group_removed:
    case wire::message_type::shutdown:
    case wire::message_type::shutdown_done:
      return inquiries_->on_message(message);
    case wire::message_type::group_ready:
      if (const auto m = wire::decode<wire::group_ready>(message)) on_group_ready(*m);
      return;
    case wire::message_type::wait_query:
      return core::on_wait_query(owner_, executor_, from, message, port());
    case wire::message_type::wait_reply:
      if (deadlock_finder_) deadlock_finder_->on_message(from, message);
      return;
    case wire::message_type::process_ended:
      if (const auto m = wire::decode<wire::process_ended>(message)) {
        for (const process_id ended : m->processes) port().peer_ended(ended);
      }
      return;
    case wire::message_type::lease_lost:
      if (const auto m = wire::decode<wire::lease_lost>(message)) behind(m->worker, from, message);
      return;
    case wire::message_type::store_orphan:
      if (const auto m = wire::decode<wire::store_orphan>(message)) behind(m->maker, from, message);
      return;
    default:
      owner_.on_message(from, message);
  }
}

// What a dead process has sent is acted on before what follows from its death: it may have
// completed tasks. From another node all of it came the same way.
void process::behind(process_id dead, process_id from, wire::blob message) {
  if (dead.node() != self_.node() || closed_.contains(dead)) {
    owner_.on_message(from, message);
    return;
  }
  held_back_[dead].emplace_back(message.begin(), message.end());
  port().peer_ended(dead);
}

void process::on_closed(process_id peer) {
  closed_.insert(peer);
  if (auto behind_it = held_back_.extract(peer)) {
    for (const auto& message : behind_it.mapped()) owner_.on_message(scheduler(), message);
  }
  owner_.on_process_ended(peer);
  if (executor_) executor_->process_ended(peer);
  if (deadlock_finder_) deadlock_finder_->process_ended(peer);
}

}  // namespace mobula::detail
