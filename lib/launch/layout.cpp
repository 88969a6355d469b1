#include "launch/layout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "wire/bytes.hpp"
#include "wire/codec.hpp"

namespace mobula::launch {

namespace {

using hardware::thread_set;

// rank_facts as they travel.
struct encoded_facts {
  std::uint32_t host = 0;
  std::string threads;
  double cpu_quota = 0;
  std::uint32_t slurm_of_host = 0;
  std::uint32_t slurm_of_rank = 0;
  bool slurm_is_in_cores = false;
  std::vector<std::string> wide_cores;
  bool has_visible_gpus = false;
  std::string visible_gpus;
  static void fields(auto& visit, auto& self) {
    visit(self.host);
    visit(self.threads);
    visit(self.cpu_quota);
    visit(self.slurm_of_host);
    visit(self.slurm_of_rank);
    visit(self.slurm_is_in_cores);
    visit(self.wide_cores);
    visit(self.has_visible_gpus);
    visit(self.visible_gpus);
  }
};

// The cores that a set of hardware threads is, in order; of each, the threads that are in the set.
std::vector<thread_set> cores_of(const thread_set& threads, std::span<const thread_set> wide) {
  std::vector<thread_set> cores;
  thread_set counted;
  for (const std::uint32_t thread : threads.list()) {
    if (counted.contains(thread)) continue;
    const auto around = std::ranges::find_if(
        wide, [thread](const thread_set& core) { return core.contains(thread); });
    thread_set& core = cores.emplace_back();
    core.add(thread);
    if (around != wide.end()) {
      core = *around;
      core &= threads;
    }
    counted |= core;
  }
  return cores;
}

// From so many cores on one is kept for the scheduler unless somebody says otherwise.
constexpr std::uint32_t large_node_cores = 16;

// What Slurm gave to so many ranks of a host that has as many, in cores; 0: it did not say. Slurm
// counts hardware threads, and gives whole cores.
double cores_by_slurm(const slurm_share& share, std::size_t ranks, std::size_t ranks_of_host,
                      std::span<const thread_set> wide) {
  std::uint32_t threads_per_core = 1;
  if (!share.is_in_cores)
    for (const thread_set& core : wide) threads_per_core = std::max(threads_per_core, core.count());
  const double host = static_cast<double>(share.of_host) * static_cast<double>(ranks) /
                      static_cast<double>(ranks_of_host);
  const double each = static_cast<double>(share.of_rank) * static_cast<double>(ranks);
  const double threads = host > 0 && each > 0 ? std::min(host, each) : std::max(host, each);
  return threads > 0 ? std::max(1.0, std::ceil(threads / threads_per_core)) : 0;
}

void check_reserved(std::uint32_t reserved, const node_layout& node) {
  if (reserved == 0 || reserved < node.cores) return;
  throw start_error{"node " + std::to_string(node.node) + " has " + std::to_string(node.cores) +
                    (node.cores == 1 ? " core" : " cores") + ", and " + std::to_string(reserved) +
                    " are to be reserved for its scheduler, which leaves none for tasks: reserve "
                    "fewer (.reserved_cores or MOBULA_RESERVED_CORES)"};
}

}  // namespace

std::string rank_facts::encode() const {
  encoded_facts all;
  all.host = host;
  all.threads = threads.text();
  all.cpu_quota = cpu_quota;
  all.slurm_of_host = slurm.of_host;
  all.slurm_of_rank = slurm.of_rank;
  all.slurm_is_in_cores = slurm.is_in_cores;
  for (const thread_set& core : wide_cores) all.wide_cores.push_back(core.text());
  all.has_visible_gpus = visible_gpus.has_value();
  all.visible_gpus = visible_gpus.value_or("");
  std::string bytes(wire::encoded_size(all), '\0');
  wire::writer room{reinterpret_cast<std::byte*>(bytes.data())};
  wire::encode_part(room, all);
  return bytes;
}

std::optional<rank_facts> rank_facts::decode(std::string_view bytes) {
  wire::reader from{wire::as_blob(bytes)};
  const auto all = wire::decode_part<encoded_facts>(from);
  const auto threads = thread_set::parse(all.threads);
  if (!from.finished() || !threads) return std::nullopt;
  rank_facts facts{all.host,
                   *threads,
                   all.cpu_quota,
                   {all.slurm_of_host, all.slurm_of_rank, all.slurm_is_in_cores}};
  for (const std::string& text : all.wide_cores) {
    const auto core = thread_set::parse(text);
    if (!core) return std::nullopt;
    facts.wide_cores.push_back(*core);
  }
  if (all.has_visible_gpus) facts.visible_gpus = all.visible_gpus;
  return facts;
}

layout::layout(std::span<const rank_facts> ranks, std::uint32_t ranks_per_node,
               std::optional<double> cpus, std::optional<std::uint32_t> reserved_cores, drivers who)
    : drivers_{who} {
  std::map<std::uint32_t, std::vector<std::uint32_t>> hosts;
  for (std::uint32_t rank = 0; rank < ranks.size(); ++rank) {
    hosts[ranks[rank].host].push_back(rank);
    threads_of_rank_.push_back(ranks[rank].threads);
  }
  for (const auto& [host, members] : hosts) {
    const std::size_t each = ranks_per_node == 0 ? members.size() : ranks_per_node;
    for (std::size_t at = 0; at < members.size(); at += each) {
      const std::size_t end = std::min(members.size(), at + each);
      node_layout& node = nodes_.emplace_back();
      node.ranks.assign(members.begin() + static_cast<std::ptrdiff_t>(at),
                        members.begin() + static_cast<std::ptrdiff_t>(end));
    }
  }
  if (nodes_.size() > std::numeric_limits<wire::node_id>::max()) {
    throw start_error{"the job has " + std::to_string(nodes_.size()) +
                      " nodes; Mobula can tell 65535 apart"};
  }
  // The driver's node is node 0, whatever order the hosts came in.
  std::sort(nodes_.begin(), nodes_.end(), [](const node_layout& a, const node_layout& b) {
    return a.first_rank() < b.first_rank();
  });
  node_of_rank_.resize(ranks.size());
  std::map<std::uint32_t, std::vector<std::size_t>> nodes_of_host;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    nodes_[i].node = static_cast<wire::node_id>(i);
    for (const std::uint32_t rank : nodes_[i].ranks) node_of_rank_[rank] = i;
    nodes_of_host[ranks[nodes_[i].first_rank()].host].push_back(i);
  }
  for (const auto& [host, members] : nodes_of_host) {
    share_cores(ranks, members, {cpus, reserved_cores});
    share_gpus(ranks, members);
  }
}

void layout::share_cores(std::span<const rank_facts> ranks,
                         std::span<const std::size_t> of_one_host, const wishes& wanted) {
  thread_set of_host;
  bool overlap = false;
  std::size_t rank_count = 0;
  for (const std::size_t i : of_one_host) {
    thread_set& own = nodes_[i].threads;
    for (const std::uint32_t rank : nodes_[i].ranks) own |= ranks[rank].threads;
    overlap = overlap || own.overlaps(of_host);
    of_host |= own;
    rank_count += nodes_[i].ranks.size();
  }
  const auto& wide_cores = ranks[ranks[nodes_[of_one_host.front()].first_rank()].host].wide_cores;
  if (overlap) {
    // The launcher did not divide the host: logical nodes get neighbouring cores, as many each as
    // they have ranks; when there are more nodes than cores, some share one.
    const std::vector<thread_set> list = cores_of(of_host, wide_cores);
    std::size_t ranks_before = 0;
    for (const std::size_t i : of_one_host) {
      const std::size_t begin = ranks_before * list.size() / rank_count;
      ranks_before += nodes_[i].ranks.size();
      const std::size_t end = std::max(begin + 1, ranks_before * list.size() / rank_count);
      nodes_[i].threads = {};
      for (std::size_t at = begin; at < end; ++at) nodes_[i].threads |= list[at];
    }
  }
  for (const std::size_t i : of_one_host) {
    node_layout& node = nodes_[i];
    const double quota = ranks[node.first_rank()].cpu_quota *
                         static_cast<double>(node.ranks.size()) / static_cast<double>(rank_count);
    const std::vector<thread_set> cores = cores_of(node.threads, wide_cores);
    node.cores = static_cast<std::uint32_t>(cores.size());
    // A driver's rank is no worker rank. More workers than cores are what somebody asked for.
    const auto workers = static_cast<double>(node.ranks.size() - drivers_of(node));
    const bool all_are_wanted = std::max(workers, wanted.cpus.value_or(0)) > node.cores - 1.0;
    const std::uint32_t reserved =
        wanted.reserved_cores.value_or(node.cores >= large_node_cores && !all_are_wanted ? 1 : 0);
    check_reserved(reserved, node);
    for (std::uint32_t core = 0; core < reserved; ++core) node.reserved |= cores[core];
    double cpus = std::max(1U, node.cores - reserved);
    if (quota > 0) cpus = std::min(cpus, std::max(1.0, std::floor(quota)));
    const double given =
        cores_by_slurm(ranks[node.first_rank()].slurm, node.ranks.size(), rank_count, wide_cores);
    node.is_unbound = given > 0 && given < node.cores;
    if (node.is_unbound) cpus = std::min(cpus, given);
    node.cpus = wanted.cpus.value_or(std::max(cpus, workers));
  }
}

std::uint32_t layout::drivers_of(const node_layout& node) const {
  if (drivers_ == drivers::all) return static_cast<std::uint32_t>(node.ranks.size());
  return node.first_rank() == 0 ? 1 : 0;
}

wire::process_id layout::process_of(std::uint32_t driver) const {
  const node_layout& node = node_of(driver);
  const auto place = std::lower_bound(node.ranks.begin(), node.ranks.end(), driver);
  return {node.node, static_cast<std::uint32_t>(place - node.ranks.begin()) + 1};
}

// Whose ranks were given different ones has those alone.
void layout::share_gpus(std::span<const rank_facts> ranks,
                        std::span<const std::size_t> of_one_host) {
  const auto visible = [&](std::size_t node) {
    std::set<std::optional<std::string>> all;
    for (const std::uint32_t rank : nodes_[node].ranks) all.insert(ranks[rank].visible_gpus);
    return all;
  };
  for (const std::size_t i : of_one_host) {
    node_layout& node = nodes_[i];
    node.gpu_shares = 0;
    for (const std::size_t other : of_one_host) {
      if (visible(other) != visible(i)) continue;
      if (other == i) node.gpu_share = node.gpu_shares;
      ++node.gpu_shares;
    }
  }
}

thread_set layout::threads_of_children(std::uint32_t rank) const {
  thread_set threads = threads_of_rank_[rank];
  threads &= node_of(rank).threads;
  return threads.empty() ? node_of(rank).threads : threads;
}

}  // namespace mobula::launch
