#include "sort/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sort/record.hpp"

namespace sorting {

namespace {

// A task costs some messages, a file to open, and an object for each part: below about a megabyte
// that is what its time goes into.
constexpr std::uint64_t task_bytes_min = std::uint64_t{1} << 20;
// More than one for each cpu, so that those that end first have something to go on with.
constexpr std::uint64_t slices_a_cpu = 4;

// A partition task has its slice in memory, and once more in the object store, in parts; and which
// part each record is of.
constexpr double slice_share = 0.48;
// A merge task holds on to its part in the object store, and has 16 bytes of order for each 100 of
// it, and what it writes and checks with. Some parts are larger than others: with 256 samples each,
// hardly any by a third.
constexpr double part_share = 0.6;
constexpr std::uint64_t samples_a_part = 256;

// What a task makes or reads in a node's store stays in its memory until the task has it all. As
// many tasks as there are cpus run, twice as many are under way, and one that waits for its objects
// lets another begin.
constexpr std::uint64_t tasks_a_cpu = 6;

// Each slice gives an object to each part, which its owner must know of, a few hundred bytes each.
constexpr double objects_max = 20e6;

std::uint64_t share_of(std::uint64_t bytes, double part) {
  return std::max(static_cast<std::uint64_t>(part * static_cast<double>(bytes)), task_bytes_min);
}

std::uint64_t divided_up(std::uint64_t all, std::uint64_t by) { return (all + by - 1) / by; }

}  // namespace

plan plan_for(const wishes& wishes) {
  const std::uint64_t bytes = wishes.records * record_bytes;
  const auto share = [&](double part) {
    const std::uint64_t most = share_of(wishes.memory_bytes, part);
    if (wishes.store_bytes_a_cpu == 0) return most;
    return std::min(most, std::max(wishes.store_bytes_a_cpu / tasks_a_cpu, task_bytes_min));
  };
  const std::uint64_t slice_bytes =
      std::clamp(divided_up(bytes, slices_a_cpu * wishes.cpus), task_bytes_min, share(slice_share));
  const std::uint64_t part_bytes = share(part_share);
  std::uint64_t parts = std::max<std::uint64_t>(divided_up(bytes, part_bytes), 1);
  const bool by_store = part_bytes < share_of(wishes.memory_bytes, part_share);
  if (wishes.parts != 0 && wishes.parts < parts && by_store) {
    throw std::runtime_error{
        fmt::format("nodes whose object stores have {} bytes for each cpu need at least {} parts, "
                    "not {}: raise --parts or MOBULA_STORE_BYTES",
                    wishes.store_bytes_a_cpu, parts, wishes.parts)};
  }
  if (wishes.parts != 0 && wishes.parts < parts) {
    throw std::runtime_error{
        fmt::format("tasks that may use {} bytes of memory each need at least {} parts, not {}: "
                    "raise --parts or --memory",
                    wishes.memory_bytes, parts, wishes.parts)};
  }
  if (wishes.parts != 0) {
    parts = wishes.parts;
  } else if (bytes > task_bytes_min) {
    parts = divided_up(parts, wishes.cpus) * wishes.cpus;  // whole rounds
  }
  const auto slices = static_cast<double>(divided_up(bytes, slice_bytes));
  if (slices * static_cast<double>(parts) > objects_max) {
    throw std::runtime_error{fmt::format(
        "{:.0f} slices of the input for {} parts are too many pieces: give tasks more memory "
        "(--memory, {:.1f} times as much), or take fewer --parts",
        slices, parts,
        std::ceil(10 * std::sqrt(slices * static_cast<double>(parts) / objects_max)) / 10)};
  }
  return {.slice_records = std::max<std::uint64_t>(slice_bytes / record_bytes, 1),
          .parts = static_cast<std::uint32_t>(parts),
          .samples = samples_a_part * parts};
}

}  // namespace sorting
