#include "runtime/same_options.hpp"

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <string_view>

#include "launch/start_error.hpp"

namespace mobula::detail {

namespace {

using launch::start_error;

std::string text_of(const amount& one) {
  if (!one.is_set()) return "unset";
  std::ostringstream text;
  text.precision(17);
  text << one.value_or(0);
  return text.str();
}
std::string text_of(const std::string& one) { return '"' + one + '"'; }
std::string text_of(bool one) { return one ? "true" : "false"; }
std::string text_of(rank_mode one) { return one == rank_mode::peers ? "peers" : "driver"; }
template <class Value>
std::string text_of(const std::map<std::string, Value>& all) {
  std::string text{"{"};
  for (const auto& [name, value] : all)
    text.append(text.size() == 1 ? "" : ", ").append(text_of(name) + ": " + text_of(value));
  return text + "}";
}

/// ".cpus = 4" and so on; each ends with a byte that no text has.
std::string listing(const runtime_options& options) {
  std::string text;
  const auto say = [&text](const char* name, const auto& value) {
    text.append(1, '.').append(name).append(" = ").append(text_of(value)).append(1, '\0');
  };
  const auto& [cpus, gpus, memory_bytes, resources, store_bytes, bind, reserved_cores, labels,
               wait_infeasible, mode] = options;
  say("mode", mode);
  say("cpus", cpus);
  say("gpus", gpus);
  say("memory_bytes", memory_bytes);
  say("resources", resources);
  say("store_bytes", store_bytes);
  say("bind", bind);
  say("reserved_cores", reserved_cores);
  say("labels", labels);
  say("wait_infeasible", wait_infeasible);
  return text;
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\0'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

[[noreturn]] void refuse(std::string_view first, std::string_view other, std::size_t rank) {
  std::string_view one;
  std::string_view another;
  do {
    one = take_line(first);
    another = take_line(other);
  } while (one == another && !first.empty());
  std::string text{"rank " + std::to_string(rank) + " gave Mobula "};
  text.append(another).append(", and rank 0 ").append(one);
  throw start_error{text + "; all ranks of the communicator give the same options"};
}

}  // namespace

void check_same_options(launch::bootstrap& ranks, const runtime_options& options) {
  if (ranks.size() == 1) return;
  const std::string mine = listing(options);
  // Hashes first: as a rule nothing differs. The same program has the same hash function.
  const std::size_t hash = std::hash<std::string>{}(mine);
  const auto hashes = ranks.allgather({reinterpret_cast<const char*>(&hash), sizeof hash});
  const auto other =
      std::ranges::find_if(hashes, [&](const std::string& one) { return one != hashes.front(); });
  if (other == hashes.end()) return;
  const auto culprit = static_cast<std::uint32_t>(other - hashes.begin());
  const std::string first = ranks.broadcast(mine, 0);
  const std::string differing = ranks.broadcast(mine, culprit);
  refuse(first, differing, culprit);
}

}  // namespace mobula::detail
