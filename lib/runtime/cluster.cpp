#include "mobula/cluster.hpp"

#include <numeric>
#include <sstream>

#include "runtime/function_table.hpp"
#include "runtime/host_name.hpp"
#include "runtime/inquiries.hpp"
#include "runtime/node_description.hpp"
#include "runtime/process.hpp"
#include "runtime/start_texts.hpp"
#include "runtime/task_run.hpp"
#include "runtime/worker.hpp"

namespace mobula {

namespace {

using wire::resource_amounts;

void add(std::map<std::string, double>& sum, const resource_amounts& amounts) {
  constexpr auto unit = static_cast<double>(resource_amounts::unit);
  sum["cpus"] += static_cast<double>(amounts.cpus) / unit;
  sum["gpus"] += static_cast<double>(amounts.gpus) / unit;
  sum["memory"] += static_cast<double>(amounts.memory_bytes);
  for (const auto& [name, amount] : amounts.custom) sum[name] += static_cast<double>(amount) / unit;
}

template <class Id>
std::string text_of(Id id) {
  if (!id) return {};
  std::ostringstream text;
  text << id.owner().node() << '.' << id.owner().incarnation() << '.' << std::hex << id.sequence();
  return text.str();
}

std::vector<wire::nodes_reply::entry> ask_nodes(const time_limit& limit) {
  const std::uint64_t deadline = detail::deadline_of(limit);
  return detail::process::require().inquiries().nodes(deadline);
}

using adder = void(std::map<std::string, double>& sum, const wire::nodes_reply::entry& node);

void add_total(std::map<std::string, double>& sum, const wire::nodes_reply::entry& node) {
  add(sum, node.total);
  sum["store"] += static_cast<double>(node.store.capacity_bytes);
}

void add_free(std::map<std::string, double>& sum, const wire::nodes_reply::entry& node) {
  add(sum, node.free);
  sum["store"] += static_cast<double>(node.store.capacity_bytes - node.store.used_bytes);
}

std::map<std::string, double> sum_of(adder& add_one, const time_limit& limit) {
  std::map<std::string, double> sum;
  for (const auto& node : ask_nodes(limit))
    if (node.alive) add_one(sum, node);
  return sum;
}

void describe(node_state& node, std::string_view encoded) {
  const auto told = detail::part_of_bytes<detail::node_description>(encoded);
  node.first_rank = told.first_rank;
  node.ranks = told.ranks;
  node.threads = told.threads;
  node.reserved_threads = told.reserved_threads;
  node.cores = told.cores;
  node.packages = told.packages;
  node.numa_nodes = told.numa_nodes;
  node.memory_bytes = told.memory_bytes;
  for (const auto& one : told.labels) node.labels[one.key] = one.value;
  for (const auto& one : told.gpus) {
    node.gpus.push_back({one.uuid, one.name, one.memory_bytes, one.pci_address, one.part_of,
                         one.threads, one.numa_node});
  }
  node.transports = told.transports;
  node.rma = told.rma;
  node.start_bytes_sent = told.start_bytes_sent;
  node.start_bytes_received = told.start_bytes_received;
  node.link_bytes_sent = told.link_bytes_sent;
  for (const auto& one : told.versions) node.versions[one.name] = one.version;
}

}  // namespace

runtime_context context() {
  const detail::process& home = detail::process::require();
  runtime_context here;
  here.node = home.self().node();
  here.host = detail::host_name();
  here.process = home.self().incarnation();
  here.cpus = home.cpus();
  here.threads = home.threads();
  here.is_driver = home.is_driver();
  here.restarts = home.restarts();
  if (const detail::task_run* run = detail::task_run::current()) {
    const core::attempt& what = run->what();
    here.task = text_of(what.push.task);
    here.attempt = what.push.attempt;
    here.actor = text_of(what.actor);
    here.function = what.push.name.empty() && run->function() ? std::string{run->function()->name}
                                                              : std::string{what.push.name};
  }
  return here;
}

std::vector<int> gpu_ids() {
  std::vector<int> all(detail::process::require().gpus());
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<node_state> nodes(time_limit limit) {
  std::vector<node_state> all;
  for (const auto& one : ask_nodes(limit)) {
    node_state& node = all.emplace_back();
    node.node = one.node;
    node.host = one.host;
    node.alive = one.alive;
    node.workers = one.workers;
    add_total(node.resources, one);
    add_free(node.available, one);
    node.store_bytes = one.store.capacity_bytes;
    node.store_used_bytes = one.store.used_bytes;
    node.store_objects = one.store.objects;
    node.store_spilled_bytes = one.store.spilled_bytes;
    node.store_reads = one.store.reads;
    node.store_hops_max = one.store.hops_max;
    if (!one.description.empty()) describe(node, one.description);
  }
  return all;
}

std::map<std::string, double> cluster_resources(time_limit limit) {
  return sum_of(add_total, limit);
}

std::map<std::string, double> available_resources(time_limit limit) {
  return sum_of(add_free, limit);
}

}  // namespace mobula
