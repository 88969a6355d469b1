#include "launch/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "launch/number_in.hpp"
#include "wire/edit_distance.hpp"

namespace mobula::launch {

namespace {

bool take_amount(std::optional<double>& into, std::string_view value) {
  const auto number = number_in<double>(value);
  if (!number || !std::isfinite(*number) || *number < 0 || *number > 1e6) return false;
  into = *number;
  return true;
}

template <class Choice>
bool take_choice(Choice& into, std::string_view value,
                 std::initializer_list<std::pair<std::string_view, Choice>> choices) {
  for (const auto& [name, choice] : choices) {
    if (value == name) {
      into = choice;
      return true;
    }
  }
  return false;
}

bool take_ranks_per_node(settings& into, std::string_view value) {
  const auto number = number_in<std::uint32_t>(value);
  if (!number || *number == 0) return false;
  into.ranks_per_node = *number;
  return true;
}

bool take_topology(settings& into, std::string_view value) {
  into.topology = value;
  return !value.empty();
}

// "arch=zen4,rack=7"
bool take_labels(settings& into, std::string_view value) {
  while (!value.empty()) {
    const std::string_view one = value.substr(0, value.find(','));
    value.remove_prefix(std::min(value.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (equals == 0 || equals == std::string_view::npos) return false;
    into.labels[std::string{one.substr(0, equals)}] = one.substr(equals + 1);
  }
  return true;
}

bool take_bind(settings& into, std::string_view value) {
  return take_choice(into.bind, value, {{"0", false}, {"1", true}});
}

bool take_reserved_cores(settings& into, std::string_view value) {
  into.reserved_cores = number_in<std::uint32_t>(value);
  return into.reserved_cores.has_value();
}

bool take_wait(settings& into, std::string_view value) {
  return take_choice(
      into.wait, value,
      {{"auto", wait_mode::automatic}, {"spin", wait_mode::spin}, {"block", wait_mode::block}});
}

bool take_store_bytes(settings& into, std::string_view value) {
  const auto bytes = parse_bytes(value);
  if (!bytes || *bytes == 0) return false;
  into.store_bytes = *bytes;
  return true;
}

bool take_spill_folder(settings& into, std::string_view value) {
  if (value.empty() || value.front() != '/') return false;
  into.spill_folder = value;
  return true;
}

bool take_spill_bytes(settings& into, std::string_view value) {
  const auto bytes = parse_bytes(value);
  if (!bytes) return false;
  into.spill_bytes = *bytes;
  return true;
}

bool take_store_wait(settings& into, std::string_view value) {
  const auto number = number_in<std::uint32_t>(value);
  if (!number || *number == 0) return false;
  into.store_wait_ms = *number;
  return true;
}

bool take_dump_store(settings& into, std::string_view value) {
  return take_choice(into.dump_store, value, {{"0", false}, {"1", true}});
}

bool take_deadlock_after(settings& into, std::string_view value) {
  const auto number = number_in<std::uint32_t>(value);
  if (!number || *number == 0) return false;
  into.deadlock_after_ms = *number;
  return true;
}

bool take_node_timeout(settings& into, std::string_view value) {
  const auto number = number_in<std::uint32_t>(value);
  if (!number || (*number != 0 && *number < 100)) return false;
  into.node_timeout_ms = *number;
  return true;
}

bool take_wait_infeasible(settings& into, std::string_view value) {
  return take_choice(into.wait_infeasible, value, {{"0", false}, {"1", true}});
}

bool take_rma(settings& into, std::string_view value) {
  return take_choice(into.rma, value, {{"0", false}, {"1", true}});
}

bool take_rma_pinned_bytes(settings& into, std::string_view value) {
  const auto bytes = parse_bytes(value);
  if (!bytes || *bytes == 0) return false;
  into.rma_pinned_bytes = *bytes;
  return true;
}

constexpr std::array<setting_row, 22> table{{
    {"MOBULA_CPUS", "cpus", "the cores that the node's ranks may use",
     "cpus that each node offers, unless the program says it", false,
     [](settings& into, std::string_view value) { return take_amount(into.cpus, value); },
     "a number of cpus, such as 8"},
    {"MOBULA_GPUS", "gpus", "those that its driver and CUDA_VISIBLE_DEVICES show",
     "gpus that each node offers, unless the program says it", false,
     [](settings& into, std::string_view value) { return take_amount(into.gpus, value); },
     "a number of gpus, such as 4"},
    {"MOBULA_RANKS_PER_NODE", "ranks", "all ranks that share memory",
     "cuts every host into logical nodes of so many ranks", false, take_ranks_per_node,
     "a number of ranks, at least 1"},
    {"MOBULA_TOPOLOGY", "", "what hwloc finds",
     "another machine to take each host for, in hwloc's synthetic notation or a file of its XML; "
     "nothing is bound to its cores then",
     false, take_topology, "a topology such as package:2 core:32 pu:2, or the path of a file"},
    {"MOBULA_LABELS", "", "",
     "what is said of each node, for tasks that ask for it; that of a node's first rank counts",
     false, take_labels, "names and values, such as arch=zen4,rack=7"},
    {"MOBULA_BIND", "", "1",
     "whether worker processes are bound to the cores of their leases; 0: they run where their "
     "rank may",
     false, take_bind, "0 or 1"},
    {"MOBULA_RESERVED_CORES", "cores", "1 on nodes of 16 cores and more, else 0",
     "cores of each node that its scheduler has for itself, unless the program says it", false,
     take_reserved_cores, "a number of cores, such as 1"},
    {"MOBULA_WAIT", "", "auto", "how processes wait: spin, block, or auto (spin a little, block)",
     false, take_wait, "spin, auto or block"},
    {"MOBULA_STORE_BYTES", "bytes", "a share of the node's memory",
     "memory of each node's object store", false, take_store_bytes,
     "a number of bytes, such as 8GiB"},
    {"MOBULA_SPILL_DIR", "", "$SLURM_TMPDIR or $TMPDIR, where neither is set /tmp or /var/tmp",
     "folder of each node's disk for objects that its memory has no room for", false,
     take_spill_folder, "the absolute path of a folder on a local disk, such as /scratch"},
    {"MOBULA_SPILL_BYTES", "bytes", "four fifths of what is free there",
     "what these may take of that disk; 0: nothing goes to disk", false, take_spill_bytes,
     "a number of bytes, such as 100GiB, or 0"},
    {"MOBULA_STORE_WAIT_MS", "milliseconds", "10000",
     "how long who finds no room in the store waits, without any becoming free, for store_full; "
     "tasks that have not begun wait sixty times as long for their arguments",
     false, take_store_wait, "a number of milliseconds, at least 1"},
    {"MOBULA_DUMP_STORE", "", "0", "1: core dumps hold the objects of the node's store too", false,
     take_dump_store, "0 or 1"},
    {"MOBULA_DEADLOCK_AFTER_MS", "milliseconds", "10000",
     "how long a task waits for others before it is found out whether they wait for each other",
     false, take_deadlock_after, "a number of milliseconds, at least 1"},
    {"MOBULA_NODE_TIMEOUT_MS", "milliseconds", "20000",
     "how long nothing is heard of a node before it counts as dead; 0: for ever. A node that hears "
     "nothing of the driver's for one and a half of that ends",
     false, take_node_timeout, "a number of milliseconds, at least 100, or 0"},
    {"MOBULA_WAIT_INFEASIBLE", "", "0",
     "1: what asks for more than any node has waits, with a warning, instead of failing; the "
     "program's .wait_infeasible does the same",
     false, take_wait_infeasible, "0 or 1"},
    {"MOBULA_RMA", "", "1",
     "whether nodes read each other's stores by remote memory access; 0: by messages", false,
     take_rma, "0 or 1"},
    {"MOBULA_RMA_PINNED_BYTES", "bytes", "the store's size",
     "memory of each node's store that may be registered with the network at a time; what goes "
     "beyond is read by messages",
     false, take_rma_pinned_bytes, "a number of bytes, such as 8GiB"},
    {role_variable, "", "", "the role of a child process", true, nullptr, ""},
    {parent_variable, "", "", "the process that started this child", true, nullptr, ""},
    {start_variable, "", "", "what the runtime tells a child", true, nullptr, ""},
    {rank_variable, "", "", "the rank that started this process", true, nullptr, ""},
}};

// UCX's, and what CMake and environment modules say of where Mobula is installed.
bool is_of_others(std::string_view name) {
  constexpr std::array<std::string_view, 5> places{"MOBULA_ROOT", "MOBULA_DIR", "MOBULA_HOME",
                                                   "MOBULA_PREFIX", "MOBULA_VERSION"};
  return name.starts_with("MOBULA_UCX_") || std::ranges::find(places, name) != places.end();
}

std::string refuse_unknown(std::string_view name) {
  const setting_row* nearest = nullptr;
  std::size_t nearest_distance = std::numeric_limits<std::size_t>::max();
  for (const setting_row& row : table) {
    if (row.internal) continue;
    const std::size_t distance = wire::edit_distance(name, row.name);
    if (distance < nearest_distance) {
      nearest = &row;
      nearest_distance = distance;
    }
  }
  std::string text{"the environment sets "};
  text.append(name).append(", which Mobula does not know; the nearest that it knows is ");
  return text.append(nearest->name);
}

}  // namespace

std::span<const setting_row> setting_table() { return table; }

settings read_settings(const environment& variables) {
  settings result;
  for (const std::string& entry : variables) {
    const std::string_view name = name_in(entry);
    if (!name.starts_with("MOBULA_") || is_of_others(name)) continue;
    const auto row = std::find_if(table.begin(), table.end(),
                                  [&](const setting_row& one) { return one.name == name; });
    if (row == table.end()) throw start_error{refuse_unknown(name)};
    if (row->internal) continue;
    const std::string_view value = value_in(entry);
    if (!row->take(result, value)) {
      std::string text{"the environment sets "};
      text.append(name).append(" to \"").append(value).append("\", but it must be ");
      throw start_error{text.append(row->expected)};
    }
  }
  return result;
}

environment users_settings(const environment& variables) {
  environment found;
  for (const std::string& entry : variables) {
    const std::string_view name = name_in(entry);
    const bool is_internal = std::any_of(table.begin(), table.end(), [&](const setting_row& one) {
      return one.internal && one.name == name;
    });
    if (name.starts_with("MOBULA_") && !is_internal) found.push_back(entry);
  }
  return found;
}

environment settings_of_job(const environment& own, const environment& first) {
  // How nodes are cut, and when they take each other for dead.
  for (const std::string_view of_all : {"MOBULA_RANKS_PER_NODE", "MOBULA_NODE_TIMEOUT_MS"}) {
    const auto mine = find_variable(own, of_all);
    const auto theirs = find_variable(first, of_all);
    if (!mine || mine == theirs) continue;
    throw start_error{std::string{of_all} + " is " + std::string{*mine} + " here, and " +
                      (theirs ? std::string{*theirs} : std::string{"not set"}) +
                      " for rank 0: it must be the same for all ranks"};
  }
  environment all = own;
  for (const std::string& entry : first) {
    const std::string_view name = name_in(entry);
    if (!find_variable(own, name)) all.push_back(entry);
  }
  return all;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
  unsigned shift = 0;
  if (!unit.empty() && unit != "B") {
    constexpr std::string_view prefixes = "KMGT";
    const std::size_t at = prefixes.find(unit.front());
    if (at == std::string_view::npos) return std::nullopt;
    shift = static_cast<unsigned>(10 * (at + 1));
    unit.remove_prefix(1);
    if (!unit.empty() && unit != "B" && unit != "iB") return std::nullopt;
  }
  if (number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace mobula::launch
