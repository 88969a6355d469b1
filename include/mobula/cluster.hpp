#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "mobula/options.hpp"

namespace mobula {

/// Where the calling code runs.
struct runtime_context {
  std::uint32_t node = 0;     // from 0, in rank order
  std::string host = {};      // the node's host name
  std::uint32_t process = 0;  // its number on the node: never used again
  bool is_driver = false;     // whether this is the program's main process
  std::string task = {};      // the id of the task or call that runs here; empty outside of one
  std::string function = {};  // its name
  std::uint32_t attempt = 0;  // 0 unless the task was run again
  std::string actor = {};     // the id of the actor that lives here; empty if none does
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
};

/// Where this code runs. Does not block. Thread-safe.
/// @throws error before init or after shutdown, as all of these do
runtime_context context();

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
