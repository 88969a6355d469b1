#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "launch/bootstrap.hpp"
#include "launch/child.hpp"
#include "launch/layout.hpp"
#include "launch/mpi_bootstrap.hpp"
#include "launch/record_channel.hpp"
#include "launch/seat_door.hpp"
#include "launch/settings.hpp"
#include "mobula/options.hpp"
#include "runtime/start_texts.hpp"
#include "store/store_size.hpp"
#include "transport/ring/member.hpp"

namespace mobula::detail {

/// What a job is started with.
struct start_request {
  std::vector<std::string> arguments;  // the program's, for its children
  /// Of a program that is MPI's own; nothing: all ranks that its launcher started.
  std::optional<launch::users_communicator> communicator;
  runtime_options options;
};

/// How ranks come together in a job: everything that they tell each other before it runs. The first
/// rank of each node starts the node's scheduler meanwhile, drivers join theirs.
class meeting {
 public:
  explicit meeting(start_request asked);
  ~meeting();
  meeting(const meeting&) = delete;
  meeting& operator=(const meeting&) = delete;

  /// Collective over the ranks. MPI is not used any more afterwards, and has ended if Mobula
  /// started it.
  /// @throws error if the job can't start as it was started; std::invalid_argument for an option
  void hold();

  // Once it was held.

  std::uint32_t rank() const { return rank_; }
  wire::node_id node() const { return layout_->node_of(rank_).node; }
  bool is_driver() const { return layout_->is_driver(rank_); }
  bool has_communicator() const { return asked_.communicator.has_value(); }
  bool every_rank_drives() const { return asked_.options.mode == rank_mode::peers; }
  /// Whether the program had MPI running.
  bool had_users_mpi() const { return had_users_mpi_; }
  const launch::settings& settings() const { return settings_; }
  /// A driver's way into its node. Once.
  std::unique_ptr<ring::member> take_member() { return std::move(member_); }
  /// Of the first rank of a node; null in others, which are seats.
  launch::child* scheduler() { return scheduler_ ? &*scheduler_ : nullptr; }
  /// Where a seat finds its scheduler, and what its children have in common.
  launch::seat_address door() const;
  launch::child_recipe recipe_of_workers() const;

 private:
  void meet();
  void find_ranks();
  void share_settings();
  void share_facts();
  void together(const std::function<void()>& work);
  launch::rank_facts facts() const;
  node_card card(const launch::node_layout& node) const;
  std::vector<wire::label> labels(const launch::node_layout& node) const;
  store::host_memory host_memory() const;
  unsigned nodes_on_host(const launch::node_layout& node) const;
  void start_scheduler(const launch::node_layout& node);
  scheduler_start text_for_scheduler(const launch::node_layout& node) const;
  /// Whether worker processes keep to their cores: those of this machine.
  bool binds() const { return chooses_cores_ && settings_.topology.empty(); }
  hardware::thread_set threads_of_children() const;
  hardware_question ask_of_hardware(const launch::node_layout& node) const;
  void choose_disk(scheduler_start& text, unsigned nodes_on_host) const;
  std::string hear_from_scheduler();
  void join();

  start_request asked_;
  launch::environment variables_;
  launch::settings settings_;
  std::unique_ptr<launch::counting_bootstrap> ranks_;
  std::uint32_t rank_ = 0;
  bool had_users_mpi_ = false;
  std::uint64_t job_token_ = 0;
  std::vector<std::uint32_t> hosts_;  // of each rank: the lowest rank that it shares memory with
  std::vector<visible_gpus_text> visible_gpus_;  // of each rank
  std::optional<launch::layout> layout_;
  bool chooses_cores_ = true;  // for worker processes
  std::optional<launch::seat_door> door_;
  node_word word_;  // of our node
  std::optional<launch::child> scheduler_;
  std::optional<launch::record_channel> to_scheduler_;
  scheduler_hello hello_;
  std::unique_ptr<ring::member> member_;
};

}  // namespace mobula::detail
