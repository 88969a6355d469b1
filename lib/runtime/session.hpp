#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "mobula/options.hpp"
#include "runtime/meeting.hpp"
#include "runtime/node_duty.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

/// A rank's part in a job, from the time when ranks meet to the end. A driver's goes on beside the
/// user's code; all other ranks serve.
class session {
 public:
  /// Brings the ranks together. Collective over them.
  /// @throws error if the job can't start as it was started
  explicit session(start_request asked);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  bool is_driver() const { return meeting_.is_driver(); }
  /// Whether every rank is a driver, so that the job ends when all of them want it to.
  bool is_among_peers() const { return meeting_.every_rank_drives(); }
  /// Whether the program is MPI's own, and gave the ranks.
  bool is_of_communicator() const { return meeting_.has_communicator(); }
  bool had_users_mpi() const { return meeting_.had_users_mpi(); }
  std::uint32_t rank() const { return meeting_.rank(); }
  /// Whether it is the first rank of its node, which speaks for it.
  bool has_scheduler() { return meeting_.scheduler() != nullptr; }
  /// In a driver: makes this process part of the job.
  /// @param job  the number of this one, of those that the program has been part of
  void drive(std::uint32_t job);
  /// In all other ranks: serves until the job ends.
  duty_end serve() { return duty_.carry_out(); }
  /// In a driver; the job ends, among peers once all have come here.
  /// @param is_hurried  it drains no longer than until this is set; who sets it rings the port
  /// @returns how many of its tasks had not finished
  std::size_t end(const shutdown_options& how, const std::atomic<bool>& is_hurried);
  /// In a driver among peers whose program ends without the others: nothing keeps it.
  void abandon();
  /// After `end`: what refs that are left need.
  std::unique_ptr<process> take_process() { return std::move(process_); }

 private:
  void duty_is_over();
  [[noreturn]] static void job_is_over(const duty_end& how);

  meeting meeting_;
  std::atomic<bool> ending_{false};
  std::unique_ptr<process> process_;
  node_duty duty_;  // its thread uses what stands before
};

}  // namespace mobula::detail
