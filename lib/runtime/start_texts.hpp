#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hardware/thread_set.hpp"
#include "launch/settings.hpp"
#include "launch/start_error.hpp"
#include "wire/codec.hpp"

// What parents tell their children at start, and a node's first rank and its scheduler each other.

namespace mobula::detail {

/// Rank 0 to all: its settings.
struct settings_text {
  launch::environment variables;
  static void fields(auto& visit, auto& self) { visit(self.variables); }
};

/// A GPU as the books see it: see core::device.
struct device_card {
  bool can_be_shared = true;
  bool is_part = false;
  static void fields(auto& visit, auto& self) {
    visit(self.can_be_shared);
    visit(self.is_part);
  }
};

/// A node as its first rank knows it before all nodes meet.
struct node_card {
  std::string host;
  wire::resource_amounts total;
  std::vector<wire::label> labels;   // sorted
  std::vector<device_card> devices;  // that were found; empty: plain ones, as many as it offers
  std::string address;               // UCX's, of its scheduler; empty in a job of one node
  std::uint32_t drivers = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.host);
    visit(self.total);
    visit(self.labels);
    visit(self.devices);
    visit(self.address);
    visit(self.drivers);
  }
};

struct visible_gpus_text {
  bool is_set = false;
  std::string text;
  static void fields(auto& visit, auto& self) {
    visit(self.is_set);
    visit(self.text);
  }
};

/// What a node's first rank knows of its hardware, for the scheduler to look at it.
struct hardware_question {
  wire::node_id node = 0;
  std::string topology;          // of another machine to take it for; empty: this one
  std::string threads;           // that belong to the node, in the kernel's notation
  std::string reserved_threads;  // of these, the scheduler's alone
  std::uint32_t cores = 0;
  bool looks_for_gpus = true;                   // unless somebody said how many there are
  std::vector<visible_gpus_text> visible_gpus;  // CUDA_VISIBLE_DEVICES of its ranks
  std::string mps_folder;                       // CUDA_MPS_PIPE_DIRECTORY
  std::uint32_t gpu_share = 0;
  std::uint32_t gpu_shares = 1;
  static void fields(auto& visit, auto& self) {
    visit(self.node);
    visit(self.topology);
    visit(self.threads);
    visit(self.reserved_threads);
    visit(self.cores);
    visit(self.looks_for_gpus);
    visit(self.visible_gpus);
    visit(self.mps_folder);
    visit(self.gpu_share);
    visit(self.gpu_shares);
  }
};

/// First rank to the scheduler that it starts.
struct scheduler_start {
  wire::node_id node = 0;
  std::uint32_t nodes = 1;
  std::uint32_t own_rank = 0;
  std::uint32_t other_seats = 0;  // that join through the door
  /// Where every rank of the job drives: those of the node, in order. Empty elsewhere.
  std::vector<std::uint32_t> driving_ranks;
  std::uint64_t job_token = 0;
  std::uint64_t store_bytes = 0;
  std::uint64_t store_wait_ns = 0;
  std::string spill_folder;  // empty: no spilling, and why
  std::string no_spilling;
  std::uint64_t spill_bytes = 0;
  bool rma = true;
  std::uint64_t rma_pinned_bytes = 0;
  launch::wait_mode wait = launch::wait_mode::automatic;
  std::uint64_t deadlock_after_ns = 0;  // of the workers
  std::uint64_t node_silence_ns = 0;    // core::membership_limits::silence_ns
  bool wait_infeasible = false;
  std::string door;     // launch::seat_address of the seats' door, or empty; the door comes along
  std::string threads;  // where workers may run, in the kernel's notation; empty: anywhere
  bool chooses_cores = true;  // for each worker: where it runs, or would on another machine
  bool binds = true;          // it to these
  hardware_question hardware;
  static void fields(auto& visit, auto& self) {
    visit(self.node);
    visit(self.nodes);
    visit(self.own_rank);
    visit(self.other_seats);
    visit(self.driving_ranks);
    visit(self.job_token);
    visit(self.store_bytes);
    visit(self.store_wait_ns);
    visit(self.spill_folder);
    visit(self.no_spilling);
    visit(self.spill_bytes);
    visit(self.rma);
    visit(self.rma_pinned_bytes);
    visit(self.wait);
    visit(self.deadlock_after_ns);
    visit(self.node_silence_ns);
    visit(self.wait_infeasible);
    visit(self.door);
    visit(self.threads);
    visit(self.chooses_cores);
    visit(self.binds);
    hardware_question::fields(visit, self.hardware);
  }
};

/// Scheduler to first rank: how to find it.
struct scheduler_hello {
  std::string broker;
  std::string address;
  std::vector<device_card> devices;  // that it found
  std::string gpu;                   // the first one's name, or empty
  static void fields(auto& visit, auto& self) {
    visit(self.broker);
    visit(self.address);
    visit(self.devices);
    visit(self.gpu);
  }
};

/// First rank to the other ranks of its node: where they find the scheduler.
struct node_word {
  std::string door;    // launch::seat_address; empty where there are no others
  std::string broker;  // for drivers
  static void fields(auto& visit, auto& self) {
    visit(self.door);
    visit(self.broker);
  }
};

/// First rank to scheduler: every node of the job.
struct job_cards {
  std::vector<node_card> nodes;
  // By the first rank, to all others, until here; and what it was told.
  std::uint64_t bytes_given = 0;
  std::uint64_t bytes_heard = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.nodes);
    visit(self.bytes_given);
    visit(self.bytes_heard);
  }
};

/// Scheduler, through a seat, to a worker.
struct worker_start_text {
  std::uint64_t process = 0;
  std::uint64_t job_token = 0;
  std::uint64_t open_files = 0;  // the soft limit that user code shall have; 0: as it is
  launch::wait_mode wait = launch::wait_mode::automatic;
  std::uint64_t deadlock_after_ns = 0;  // core::deadlock_limits::after_ns
  std::string broker;
  std::uint32_t gpus = 0;  // that it sees
  std::int64_t cpus = 0;   // of its leases, in units of resource_amounts
  std::string threads;     // that were chosen for it on another machine; empty: where it runs
  bool is_bound = false;   // whether it was started on cores that are its leases'
  std::vector<std::string> counts;  // names of variables that count threads, set for it
  static void fields(auto& visit, auto& self) {
    visit(self.process);
    visit(self.job_token);
    visit(self.open_files);
    visit(self.wait);
    visit(self.deadlock_after_ns);
    visit(self.broker);
    visit(self.gpus);
    visit(self.cpus);
    visit(self.threads);
    visit(self.is_bound);
    visit(self.counts);
  }
};

/// None, if the text is not in the kernel's notation.
inline hardware::thread_set threads_in(std::string_view text) {
  return hardware::thread_set::parse(text).value_or(hardware::thread_set{});
}

template <class Part>
std::string bytes_of_part(const Part& part) {
  std::string bytes(wire::encoded_size(part), '\0');
  wire::writer room{reinterpret_cast<std::byte*>(bytes.data())};
  wire::encode_part(room, part);
  return bytes;
}

/// @throws start_error if the bytes are not exactly that part
template <class Part>
Part part_of_bytes(std::string_view bytes) {
  wire::reader from{wire::as_blob(bytes)};
  Part part = wire::decode_part<Part>(from);
  if (!from.finished()) throw launch::start_error{"a process of the job was started with garbage"};
  return part;
}

/// As a variable's value: no byte of it is 0.
std::string to_hex(std::string_view bytes);
/// @throws start_error if it is not hexadecimal
std::string from_hex(std::string_view text);

}  // namespace mobula::detail
