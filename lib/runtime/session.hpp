#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "launch/bootstrap.hpp"
#include "launch/child.hpp"
#include "launch/layout.hpp"
#include "launch/record_channel.hpp"
#include "launch/seat_door.hpp"
#include "launch/settings.hpp"
#include "mobula/options.hpp"
#include "runtime/process.hpp"
#include "runtime/start_texts.hpp"
#include "store/store_size.hpp"

namespace mobula::detail {

/// A rank's part in the job, from the time when ranks meet to the end: the driver's in rank 0; in
/// all others it serves and ends the process.
class session {
 public:
  /// Collective over the ranks.
  /// @throws error if the job can't start as it was started
  session(int argc, char** argv, const runtime_options& options);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  bool is_driver() const { return rank_ == 0; }
  /// In the driver: joins the node and makes this process part of the job.
  void drive();
  /// In all other ranks: serves until the job ends. @returns the exit status
  int serve();
  /// In the driver. @returns how many tasks had not finished
  std::size_t end(const shutdown_options& how);

 private:
  void meet(const runtime_options& options);
  void together(const std::function<void()>& work);
  launch::rank_facts facts() const;
  node_card card(const runtime_options& options, const launch::node_layout& node) const;
  std::vector<wire::label> labels(const runtime_options& options,
                                  const launch::node_layout& node) const;
  store::host_memory host_memory() const;
  unsigned nodes_on_host(const launch::node_layout& node) const;
  void start_scheduler(const launch::node_layout& node, std::size_t node_count,
                       const runtime_options& options);
  /// Whether worker processes keep to their cores: those of this machine.
  bool binds() const { return chooses_cores_ && settings_.topology.empty(); }
  hardware::thread_set threads_of_children() const;
  hardware_question ask_of_hardware(const launch::node_layout& node,
                                    const runtime_options& options) const;
  void choose_disk(scheduler_start& text, unsigned nodes_on_host) const;
  std::string hear_from_scheduler();
  void watch_scheduler();
  [[noreturn]] void scheduler_has_ended(const launch::exit_status& how);

  std::vector<std::string> arguments_;
  launch::environment variables_;
  launch::settings settings_;
  std::unique_ptr<launch::bootstrap> ranks_;
  std::uint32_t rank_ = 0;
  bool had_users_mpi_ = false;
  std::uint64_t job_token_ = 0;
  std::vector<std::uint32_t> hosts_;  // of each rank: the lowest rank that it shares memory with
  std::vector<visible_gpus_text> visible_gpus_;  // of each rank
  std::optional<launch::layout> layout_;
  bool chooses_cores_ = true;  // for worker processes
  std::optional<launch::seat_door> door_;
  std::string seat_word_;  // the address of our node's door; empty on first ranks
  std::optional<launch::child> scheduler_;
  std::optional<launch::record_channel> to_scheduler_;
  scheduler_hello hello_;
  std::unique_ptr<process> process_;
  std::thread watcher_;
  std::atomic<bool> ending_{false};
  launch::descriptor stop_watching_;
};

}  // namespace mobula::detail
