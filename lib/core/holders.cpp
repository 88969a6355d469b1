#include "core/holders.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/errors.hpp"
#include "wire/bytes_in_words.hpp"

namespace mobula::core {

namespace {

using wire::bytes_in_words;
using wire::process_id;

struct amount {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t size) {
    ++count;
    bytes += size;
  }
};

std::string objects(const amount& of) {
  return std::to_string(of.count) + (of.count == 1 ? " object (" : " objects (") +
         bytes_in_words(of.bytes) + ")";
}

/// What is held in the same way, by whom.
struct share {
  std::string who;
  amount what;
};

void append(std::string& text, const std::string& clause) {
  if (!text.empty()) text += ", ";
  text += clause;
}

void append_largest(std::string& text, std::map<process_id, amount> by_process, const char* verb,
                    const char* how) {
  constexpr std::size_t named_max = 3;
  std::vector<share> all;
  for (const auto& [process, what] : by_process) all.push_back({name_of(process), what});
  std::ranges::sort(all, std::greater{}, [](const share& one) { return one.what.bytes; });
  for (std::size_t i = 0; i < std::min(all.size(), named_max); ++i)
    append(text, all[i].who + verb + objects(all[i].what) + how);
  if (all.size() > named_max)
    append(text, std::to_string(all.size() - named_max) + " other processes more");
}

}  // namespace

std::string who_holds(const room_table& rooms, const spilling& places, const pin_table& lent,
                      const local_pins* pins, const std::string& no_disk) {
  const local_pins::lookup readers_of = pins ? pins->readers() : local_pins::lookup{};
  std::map<process_id, amount> reading;
  amount lent_out;
  amount idle;
  for (const bool replicas : {false, true}) {
    const copy_order& order = places.order(replicas);
    for (const copy* one = order.front(); one; one = one->next) {
      const std::uint64_t size = one->name.size_bytes;
      auto here = readers_of ? readers_of(one->place) : std::vector<process_id>{};
      std::ranges::sort(here);
      here.erase(std::ranges::unique(here).begin(), here.end());
      for (const process_id reader : here) reading[reader].add(size);
      if (lent.pins_of(one->place) != 0) {
        lent_out.add(size);
      } else if (here.empty()) {
        idle.add(size);
      }
    }
  }
  std::map<process_id, amount> writing;
  rooms.look_at_empty([&](process_id holder, std::uint64_t size) { writing[holder].add(size); });

  std::string text;
  append_largest(text, reading, " reads ", " in place");
  append_largest(text, writing, " is writing ", "");
  if (lent_out.count != 0) append(text, "other nodes read " + objects(lent_out));
  if (!no_disk.empty() && idle.count != 0)
    append(text, objects(idle) + " that refs hold can't go to disk: " + no_disk);
  return text;
}

}  // namespace mobula::core
