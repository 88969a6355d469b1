#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mobula/detail/api.hpp"
#include "mobula/options.hpp"

namespace MOBULA_API mobula {

/// Where the calling code runs.
struct runtime_context {
  std::uint32_t node = 0;     // from 0, in rank order
  std::string host = {};      // the node's host name
  std::uint32_t process = 0;  // its number on the node: never used again
  bool is_driver = false;     // whether this runs the program's main, not tasks
  std::string task = {};      // the id of the task or call that runs here; empty outside of one
  std::string function = {};  // its name
  std::uint32_t attempt = 0;  // 0 unless the task was run again
  std::string actor = {};     // the id of the actor that lives here; empty if none does
  /// The cpus that tasks of this process ask for, and so OMP_NUM_THREADS, rounded down, unless the
  /// user has set it; 0 in the driver.
  double cpus = 0;
  /// Where the process runs: its hardware threads, by the kernel's numbers, "0-3,64-67". Of whole
  /// cpus these are cores that no other task has; who asks for no cpu runs on all of the node's.
  std::string threads = {};
  /// How often the batch job has been started again: SLURM_RESTART_COUNT, or 0 where Slurm does not
  /// set it.
  std::uint32_t restarts = 0;
};

/// A GPU of a node, or an instance of one that is cut by MIG.
struct gpu_state {
  std::string uuid = {};  // its identity
  std::string name = {};
  std::uint64_t memory_bytes = 0;
  std::string pci_address = {};   // "0000:3b:00.0"
  std::string part_of = {};       // of an instance: the UUID of its GPU; empty: a whole one
  std::string near_threads = {};  // hardware threads next to it, "0-15,64-79"; empty: not known
  std::uint32_t numa_node = 0;    // as above
};

/// One node of the job.
struct node_state {
  std::uint32_t node = 0;  // from 0, in rank order
  std::string host = {};
  bool alive = true;
  std::uint32_t workers = 0;                     // worker processes now
  std::map<std::string, double> resources = {};  // "cpus", "gpus", "memory" (bytes), custom ones
  std::map<std::string, double> available = {};  // of these, what is free
  std::uint64_t store_bytes = 0;                 // the object store's size
  std::uint64_t store_used_bytes = 0;            // of it, what objects take
  std::uint64_t store_objects = 0;               // how many; those in messages don't count
  std::uint64_t store_spilled_bytes = 0;         // what objects take that are on disk alone
  std::uint64_t store_reads = 0;                 // how often other nodes have read an object there
  std::uint64_t store_hops_max = 0;  // through how many nodes, at most, one came that was fetched
  // What it is made of, as far as its ranks may use it.
  std::uint32_t first_rank = 0;       // of the program's
  std::uint32_t ranks = 0;            // it consists of so many
  std::string threads = {};           // hardware threads, by the kernel's numbers: "0-15"
  std::string reserved_threads = {};  // of these, where its scheduler runs and no task does
  std::uint32_t cores = 0;            // that these are
  std::uint32_t packages = 0;         // that these are on: sockets
  std::uint32_t numa_nodes = 0;       // as above
  std::uint64_t memory_bytes = 0;     // of the machine
  std::map<std::string, std::string> labels = {};  // what is said of it: runtime_options::labels
  std::vector<gpu_state> gpus = {};
  std::string transports = {};  // that UCX has used to other nodes: "tcp"
  bool rma = false;             // whether objects are read by remote memory access
  // What its first rank told all others when the job began, by MPI, and was told.
  std::uint64_t start_bytes_sent = 0;
  std::uint64_t start_bytes_received = 0;
  std::uint64_t link_bytes_sent = 0;                 // in messages to other nodes, until now
  std::map<std::string, std::string> versions = {};  // "mobula", "ucx", "hwloc", "gpu driver"
};

/// Where this code runs. Does not block. Thread-safe.
/// @throws error before init or after shutdown, as all of these do
runtime_context context();

/// The GPUs of the task or actor that runs here, by the numbers that CUDA calls them in this
/// process: 0 to n-1; a task that asked for a part of one has 0. Empty where none was asked for,
/// and in the driver, whose devices nobody assigns. Does not block. Thread-safe.
std::vector<int> gpu_ids();

/// Every node of the job, in order. Asks each: waits for a round trip. In a task or actor this
/// suspends the fiber; the worker goes on with others.
/// @throws timed_out if not all have answered at the limit
/// @throws std::invalid_argument if the limit is negative
std::vector<node_state> nodes(time_limit limit = forever);

/// What all nodes have together: "cpus", "gpus", "memory" (bytes), "store" (bytes of the object
/// stores) and custom names. Waits and throws as nodes() does.
std::map<std::string, double> cluster_resources(time_limit limit = forever);

/// Of these, what is free now. Old by the time it is here: good for people and for guesses. Waits
/// and throws as nodes() does.
std::map<std::string, double> available_resources(time_limit limit = forever);

}  // namespace mobula
