#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "launch/environment.hpp"
#include "launch/start_error.hpp"

namespace mobula::launch {

/// How a process waits that has nothing to do.
enum class wait_mode : std::uint8_t { automatic, spin, block };

/// What the MOBULA_* variables of a job say. Unset ones have the defaults of `setting_table()`.
struct settings {
  std::optional<double> cpus;
  std::optional<double> gpus;
  std::uint32_t ranks_per_node = 0;
  std::string topology;  // empty: this machine's
  std::map<std::string, std::string> labels;
  bool bind = true;
  std::optional<std::uint32_t> reserved_cores;
  wait_mode wait = wait_mode::automatic;
  std::uint64_t store_bytes = 0;
  std::string spill_folder;                  // empty: the first disk that will do
  std::optional<std::uint64_t> spill_bytes;  // 0: no spilling
  std::uint32_t store_wait_ms = 10'000;
  bool dump_store = false;
  std::uint32_t deadlock_after_ms = 10'000;
  std::uint32_t node_timeout_ms = 20'000;  // 0: never
  bool wait_infeasible = false;
  bool rma = true;
  std::uint64_t rma_pinned_bytes = 0;  // 0: as much as the store has
};

/// One variable, for people and for the reader. This is the only place where a MOBULA_* name that
/// users may set is made known.
struct setting_row {
  std::string_view name;
  std::string_view unit;
  std::string_view default_value;
  std::string_view meaning;
  /// Set by Mobula for its own children, not by people.
  bool internal;
  /// Takes the value over; false if it is not one. Null for internal variables.
  bool (*take)(settings& into, std::string_view value);
  /// What a good value looks like, for the sentence that refuses a bad one.
  std::string_view expected;
};

/// Every MOBULA_* variable. (MOBULA_UCX_* are UCX's own and are left to it.)
std::span<const setting_row> setting_table();

/// Reads all MOBULA_* variables.
/// @throws start_error for an unknown one, naming the nearest known, and for a bad value
settings read_settings(const environment& variables);

/// Those of MOBULA_* that people set, each "NAME=value", with UCX's.
environment users_settings(const environment& variables);

/// What a rank runs with: rank 0's settings, and its own in their place, since what a node is like
/// may be said there. How ranks are cut into nodes is one thing for all.
/// @param first  users_settings of rank 0
/// @throws start_error if `own` cuts them otherwise
environment settings_of_job(const environment& own, const environment& first);

/// A number of bytes: digits and optionally one of K, M, G, T (of 1024), optionally followed by
/// "B" or "iB". Nothing if it is not one, or does not fit.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The internal variables.
inline constexpr std::string_view role_variable = "MOBULA_ROLE";
inline constexpr std::string_view parent_variable = "MOBULA_PARENT";
inline constexpr std::string_view start_variable = "MOBULA_START";
inline constexpr std::string_view rank_variable = "MOBULA_RANK_OF";  // see rank_mark

}  // namespace mobula::launch
