#include "core/resources.hpp"

#include <algorithm>
#include <string_view>

#include "core/invariant.hpp"
#include "wire/ids.hpp"

namespace mobula::core {
namespace {

using custom_list = std::vector<std::pair<std::string, std::int64_t>>;

std::uint64_t hash_text(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }
  return wire::mix(hash);
}

resource_set bit_of(std::string_view name) { return resource_set{16} << hash_text(name) % 60; }

std::string decimal(std::int64_t amount) {
  constexpr std::int64_t unit = wire::resource_amounts::unit;
  std::string text = std::to_string(amount / unit);
  std::int64_t rest = amount % unit;
  if (rest == 0) return text;
  std::string digits = std::to_string(rest);
  digits.insert(0, 4 - digits.size(), '0');
  digits.erase(digits.find_last_not_of('0') + 1);
  return text + "." + digits;
}

void part(std::string& text, std::string_view name, const std::string& amount) {
  text += text.size() == 1 ? "" : ", ";
  text += name;
  text += ": ";
  text += amount;
}

double share(std::int64_t demand, std::int64_t free, std::int64_t total) {
  if (demand <= 0) return 0;
  if (total <= 0) return 1;
  return static_cast<double>(total - free + demand) / static_cast<double>(total);
}

}  // namespace

std::int64_t custom_amount(const wire::resource_amounts& amounts, const std::string& name) {
  const auto at =
      std::lower_bound(amounts.custom.begin(), amounts.custom.end(), name,
                       [](const auto& one, const auto& key) { return one.first < key; });
  return at != amounts.custom.end() && at->first == name ? at->second : 0;
}

bool fits(const wire::resource_amounts& demand, const wire::resource_amounts& available) {
  if (demand.cpus > available.cpus || demand.gpus > available.gpus ||
      demand.memory_bytes > available.memory_bytes) {
    return false;
  }
  return std::all_of(demand.custom.begin(), demand.custom.end(), [&](const auto& one) {
    return one.second <= custom_amount(available, one.first);
  });
}

void add(wire::resource_amounts& to, const wire::resource_amounts& amounts) {
  to.cpus += amounts.cpus;
  to.gpus += amounts.gpus;
  to.memory_bytes += amounts.memory_bytes;
  for (const auto& [name, amount] : amounts.custom) {
    const auto at =
        std::lower_bound(to.custom.begin(), to.custom.end(), name,
                         [](const auto& one, const auto& key) { return one.first < key; });
    if (at != to.custom.end() && at->first == name) {
      at->second += amount;
    } else {
      to.custom.emplace(at, name, amount);
    }
  }
}

void take(wire::resource_amounts& from, const wire::resource_amounts& amounts) {
  invariant(fits(amounts, from), "only free resources are taken",
            static_cast<std::uint64_t>(from.cpus), static_cast<std::uint64_t>(amounts.cpus));
  from.cpus -= amounts.cpus;
  from.gpus -= amounts.gpus;
  from.memory_bytes -= amounts.memory_bytes;
  for (const auto& [name, amount] : amounts.custom) {
    const auto at =
        std::lower_bound(from.custom.begin(), from.custom.end(), name,
                         [](const auto& one, const auto& key) { return one.first < key; });
    at->second -= amount;
    if (at->second == 0) from.custom.erase(at);
  }
}

std::uint64_t shape_number(const wire::resource_amounts& demand) {
  std::uint64_t number = wire::mix(static_cast<std::uint64_t>(demand.cpus) + 0x51ed270b);
  number = wire::mix(number ^ static_cast<std::uint64_t>(demand.gpus));
  number = wire::mix(number ^ static_cast<std::uint64_t>(demand.memory_bytes));
  for (const auto& [name, amount] : demand.custom) {
    number = wire::mix(number ^ hash_text(name));
    number = wire::mix(number ^ static_cast<std::uint64_t>(amount));
  }
  return number == 0 ? 1 : number;
}

resource_set kinds_of(const wire::resource_amounts& amounts) {
  resource_set kinds = 0;
  if (amounts.cpus > 0) kinds |= cpus_bit;
  if (amounts.gpus > 0) kinds |= gpus_bit;
  if (amounts.memory_bytes > 0) kinds |= memory_bit;
  for (const auto& [name, amount] : amounts.custom) {
    if (amount > 0) kinds |= bit_of(name);
  }
  return kinds;
}

resource_set lacking(const wire::resource_amounts& demand,
                     const wire::resource_amounts& available) {
  resource_set kinds = 0;
  if (demand.cpus > available.cpus) kinds |= cpus_bit;
  if (demand.gpus > available.gpus) kinds |= gpus_bit;
  if (demand.memory_bytes > available.memory_bytes) kinds |= memory_bit;
  for (const auto& [name, amount] : demand.custom) {
    if (amount > custom_amount(available, name)) kinds |= bit_of(name);
  }
  return kinds;
}

double load_with(const wire::resource_amounts& demand, const wire::resource_amounts& free,
                 const wire::resource_amounts& total) {
  double load = std::max({share(demand.cpus, free.cpus, total.cpus),
                          share(demand.gpus, free.gpus, total.gpus),
                          share(demand.memory_bytes, free.memory_bytes, total.memory_bytes)});
  for (const auto& [name, amount] : demand.custom) {
    load = std::max(load, share(amount, custom_amount(free, name), custom_amount(total, name)));
  }
  return load;
}

std::string to_text(const wire::resource_amounts& amounts) {
  std::string text = "{";
  part(text, "cpus", decimal(amounts.cpus));
  if (amounts.gpus != 0) part(text, "gpus", decimal(amounts.gpus));
  if (amounts.memory_bytes != 0) {
    part(text, "memory", std::to_string(amounts.memory_bytes) + " bytes");
  }
  for (const auto& [name, amount] : amounts.custom) part(text, name, decimal(amount));
  return text + "}";
}

}  // namespace mobula::core
