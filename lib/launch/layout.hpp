#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/thread_set.hpp"
#include "launch/launcher.hpp"
#include "launch/start_error.hpp"
#include "wire/ids.hpp"

namespace mobula::launch {

/// What each rank knows of itself before there are nodes.
struct rank_facts {
  /// The lowest rank that it shares memory with.
  std::uint32_t host = 0;
  /// Where its launcher lets it run.
  hardware::thread_set threads;
  /// What its control groups allow, in cpus; 0: no limit.
  double cpu_quota = 0;
  /// What Slurm gave it.
  slurm_share slurm = {};
  /// The host's cores that have several hardware threads, told by the lowest rank of each host: all
  /// other threads are cores by themselves.
  std::vector<hardware::thread_set> wide_cores = {};
  /// Its CUDA_VISIBLE_DEVICES; nothing: it is not set.
  std::optional<std::string> visible_gpus = {};

  std::string encode() const;
  static std::optional<rank_facts> decode(std::string_view bytes);
};

/// Which ranks run the program's main while the job runs: they are drivers.
enum class drivers : std::uint8_t { first, all };

/// A node of the job: ranks that share memory, or a part of them.
struct node_layout {
  wire::node_id node = 0;
  /// Ascending; the first starts the node's scheduler and is its seat, the others are seats of
  /// their own. Rank 0, or every rank, is a driver besides.
  std::vector<std::uint32_t> ranks;
  /// The hardware threads that belong to this node.
  hardware::thread_set threads;
  /// How many cores these are.
  std::uint32_t cores = 0;
  /// Of these threads, those of the cores that are kept for the scheduler and its gateway.
  hardware::thread_set reserved;
  /// Of the logical nodes of its host whose ranks may use the same GPUs, this one's number and how
  /// many they are: they divide them.
  std::uint32_t gpu_share = 0;
  std::uint32_t gpu_shares = 1;
  /// What it offers unless somebody says otherwise.
  double cpus = 1;
  /// Slurm gave it fewer cores than these, and did not say which.
  bool is_unbound = false;

  std::uint32_t first_rank() const { return ranks.front(); }
};

/// Which rank is what. Pure: the same on every rank, from the same facts.
class layout {
 public:
  /// @param ranks_per_node  cuts every host into nodes of so many ranks; 0: a host is a node
  /// @param cpus            what each node offers, if somebody said so
  /// @param reserved_cores  how many of each node's are kept for its scheduler, if somebody said so
  /// @param who             drives; a rank that does not is a worker rank
  /// @throws start_error if there are more nodes than ids, or a node is left without cores
  layout(std::span<const rank_facts> ranks, std::uint32_t ranks_per_node,
         std::optional<double> cpus, std::optional<std::uint32_t> reserved_cores = std::nullopt,
         drivers who = drivers::first);

  /// In the order of their first ranks.
  const std::vector<node_layout>& nodes() const { return nodes_; }
  const node_layout& node_of(std::uint32_t rank) const { return nodes_[node_of_rank_[rank]]; }

  bool is_driver(std::uint32_t rank) const { return drivers_ == drivers::all || rank == 0; }
  /// How many drivers the node has.
  std::uint32_t drivers_of(const node_layout& node) const;
  /// A driver's process id: on each node they are numbered from 1, in rank order.
  wire::process_id process_of(std::uint32_t driver) const;
  bool starts_scheduler(std::uint32_t rank) const { return node_of(rank).first_rank() == rank; }
  /// Where the processes that this rank starts may run: its own threads, or the node's share of
  /// them.
  hardware::thread_set threads_of_children(std::uint32_t rank) const;

 private:
  struct wishes {
    std::optional<double> cpus;
    std::optional<std::uint32_t> reserved_cores;
  };
  void share_cores(std::span<const rank_facts> ranks, std::span<const std::size_t> of_one_host,
                   const wishes& wanted);
  void share_gpus(std::span<const rank_facts> ranks, std::span<const std::size_t> of_one_host);
  drivers drivers_;
  std::vector<node_layout> nodes_;
  std::vector<std::size_t> node_of_rank_;
  std::vector<hardware::thread_set> threads_of_rank_;
};

}  // namespace mobula::launch
