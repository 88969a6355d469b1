#include "runtime/demands.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <variant>

#include "runtime/casts.hpp"
#include "runtime/chosen_place.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

namespace {

using wire::resource_amounts;

std::int64_t units_of(double amount, const std::string& name) {
  if (!(amount >= 0) || amount > 1e12)
    throw std::invalid_argument{"the amount of " + name + " is " + std::to_string(amount) +
                                ": give a number of at least 0 and at most 10^12"};
  // The smallest amount is one unit: who asks for something never gets it for nothing.
  const auto units = std::llround(amount * static_cast<double>(resource_amounts::unit));
  return amount > 0 ? std::max<std::int64_t>(units, 1) : 0;
}

resource_amounts demanded(amount cpus, double cpus_unset, amount gpus, amount memory_bytes,
                          const resource_map& resources) {
  const double gpu = gpus.value_or(0);
  if (gpu > 1 && gpu != std::floor(gpu))
    throw std::invalid_argument{"gpus is " + std::to_string(gpu) +
                                ": above 1, GPUs are whole; below, one is shared"};
  return amounts_of(cpus.value_or(cpus_unset), gpu, memory_bytes.value_or(0), resources);
}

std::uint32_t node_number(amount given) {
  const double number = given.value_or(0);
  // A node that there is not is told from one that can't be where the request is met.
  constexpr double highest = std::numeric_limits<std::uint32_t>::max();
  if (!(number >= 0) || number != std::floor(number))
    throw std::invalid_argument{"on_node names node " + std::to_string(number) +
                                ": nodes have whole numbers from 0 on, as nodes() tells them"};
  return static_cast<std::uint32_t>(std::min(number, highest));
}

// As it travels.
struct in_words_of_the_wire {
  wire::placement operator()(const automatic&) const { return {}; }
  wire::placement operator()(const spread&) const {
    wire::placement where;
    where.how = wire::placement_kind::spread;
    return where;
  }
  wire::placement operator()(const on_node& that) const {
    wire::placement where;
    where.how = wire::placement_kind::node;
    where.node = node_number(that.id);
    where.soft = that.soft;
    return where;
  }
  wire::placement operator()(const labels& wanted) const {
    wire::placement where;
    where.how = wire::placement_kind::labels;
    for (const auto& [key, value] : wanted.all()) where.labels.push_back({key, value});
    return where;
  }
  wire::placement operator()(const in_group& inside) const {
    wire::placement where;
    where.how = wire::placement_kind::group;
    where.group = id_of(inside.group());
    where.bundle = inside.bundle();
    return where;
  }
};

wire::placement place_of(const scheduling_strategy& strategy) {
  return std::visit(in_words_of_the_wire{}, place_chosen_by(strategy).which);
}

}  // namespace

wire::group_id id_of(const placement_group& group) {
  const core::object& ready = process::require().record_here(access::record_of(group.ready()));
  return {ready.id.owner(), number_of(group)};
}

resource_amounts amounts_of(const bundle& one) {
  return demanded(one.cpus, 0, one.gpus, one.memory_bytes, one.resources);
}

resource_amounts amounts_of(double cpus, double gpus, double memory_bytes,
                            const resource_map& resources) {
  resource_amounts amounts;
  amounts.cpus = units_of(cpus, "cpus");
  amounts.gpus = units_of(gpus, "gpus");
  if (!(memory_bytes >= 0) || memory_bytes > 9e18)
    throw std::invalid_argument{"memory_bytes is " + std::to_string(memory_bytes) +
                                ": give a number of bytes of at least 0"};
  amounts.memory_bytes = static_cast<std::int64_t>(memory_bytes);
  for (const auto& [name, given] : resources) {  // sorted by name, as they travel
    if (name.empty() || name == "cpus" || name == "gpus" || name == "memory" || name == "store")
      throw std::invalid_argument{"a custom resource is named '" + name +
                                  "': that is not a name of its own; cpus, gpus, memory and store "
                                  "have options of their own"};
    const std::int64_t units = units_of(given.value_or(0), name);
    if (units != 0) amounts.custom.emplace_back(name, units);
  }
  return amounts;
}

core::demand_key demand_of(const task_options& options) {
  core::demand_key key;
  key.demand = demanded(options.cpus, 1, options.gpus, options.memory_bytes, options.resources);
  key.held = key.demand;
  key.where = place_of(options.strategy);
  return key;
}

core::demand_key demand_of(const actor_options& options) {
  core::demand_key key;
  key.kind = wire::lease_kind::actor;
  key.demand = demanded(options.cpus, 1, options.gpus, options.memory_bytes, options.resources);
  key.held = key.demand;
  // An actor that did not ask for cpus needs one to be placed, and holds none.
  if (!options.cpus.is_set()) key.held.cpus = 0;
  key.where = place_of(options.strategy);
  return key;
}

}  // namespace mobula::detail
