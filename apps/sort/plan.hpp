#pragma once

#include <cstdint>

namespace sorting {

/// What the job is told.
struct wishes {
  std::uint64_t records = 0;
  std::uint32_t cpus = 1;          // of all nodes
  std::uint64_t memory_bytes = 0;  // that one task may use
  std::uint32_t parts = 0;         // 0: as many as are good
  /// Of a node's object store, for each cpu of it. 0: enough.
  std::uint64_t store_bytes_a_cpu = 0;
};

/// How the work is cut: a partition task for each slice, a merge task for each part.
struct plan {
  std::uint64_t slice_records = 0;
  std::uint32_t parts = 0;
  std::uint64_t samples = 0;  // to choose splitters from
};

/// Slices and parts such that a task fits its memory, each cpu has some, and none is tiny.
/// @throws std::runtime_error in words, if it takes more memory, or fewer parts
plan plan_for(const wishes& wishes);

}  // namespace sorting
