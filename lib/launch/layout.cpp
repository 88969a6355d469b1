#include "launch/layout.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "wire/bytes.hpp"

namespace mobula::launch {

std::string rank_facts::encode() const {
  const std::string text = cores.text();
  std::string bytes(sizeof host + sizeof cpu_quota + text.size(), '\0');
  wire::writer room{reinterpret_cast<std::byte*>(bytes.data())};
  room.number(host);
  room.number(cpu_quota);
  room.raw(wire::as_blob(text));
  return bytes;
}

std::optional<rank_facts> rank_facts::decode(std::string_view bytes) {
  wire::reader from{wire::as_blob(bytes)};
  rank_facts facts;
  facts.host = from.number<std::uint32_t>();
  facts.cpu_quota = from.number<double>();
  const auto cores = core_set::parse(wire::as_text(from.rest()));
  if (from.failed() || !cores) return std::nullopt;
  facts.cores = *cores;
  return facts;
}

layout::layout(std::span<const rank_facts> ranks, std::uint32_t ranks_per_node,
               std::optional<double> cpus) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> hosts;
  for (std::uint32_t rank = 0; rank < ranks.size(); ++rank) {
    hosts[ranks[rank].host].push_back(rank);
    cores_of_rank_.push_back(ranks[rank].cores);
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
  for (const auto& [host, members] : nodes_of_host) share_cores(ranks, members);
  if (cpus) {
    for (node_layout& node : nodes_) node.cpus = *cpus;
  }
}

void layout::share_cores(std::span<const rank_facts> ranks,
                         std::span<const std::size_t> of_one_host) {
  core_set of_host;
  bool overlap = false;
  std::size_t rank_count = 0;
  for (const std::size_t i : of_one_host) {
    core_set& own = nodes_[i].cores;
    for (const std::uint32_t rank : nodes_[i].ranks) own |= ranks[rank].cores;
    overlap = overlap || own.overlaps(of_host);
    of_host |= own;
    rank_count += nodes_[i].ranks.size();
  }
  if (overlap) {
    // The launcher did not divide the host: logical nodes get neighbouring cores, as many each as
    // they have ranks; when there are more nodes than cores, some share one.
    const std::vector<std::uint32_t> list = of_host.list();
    std::size_t ranks_before = 0;
    for (const std::size_t i : of_one_host) {
      const std::size_t begin = ranks_before * list.size() / rank_count;
      ranks_before += nodes_[i].ranks.size();
      const std::size_t end = std::max(begin + 1, ranks_before * list.size() / rank_count);
      nodes_[i].cores = {};
      for (std::size_t at = begin; at < end; ++at) nodes_[i].cores.add(list[at]);
    }
  }
  for (const std::size_t i : of_one_host) {
    node_layout& node = nodes_[i];
    const double quota = ranks[node.first_rank()].cpu_quota *
                         static_cast<double>(node.ranks.size()) / static_cast<double>(rank_count);
    double cpus = std::max(1U, node.cores.count());
    if (quota > 0) cpus = std::min(cpus, std::max(1.0, std::floor(quota)));
    // The driver's rank is no worker rank. More workers than cores are what somebody asked for.
    const std::size_t workers = node.ranks.size() - (node.first_rank() == 0 ? 1 : 0);
    node.cpus = std::max(cpus, static_cast<double>(workers));
  }
}

core_set layout::cores_of_children(std::uint32_t rank) const {
  core_set cores = cores_of_rank_[rank];
  cores &= node_of(rank).cores;
  return cores.empty() ? node_of(rank).cores : cores;
}

}  // namespace mobula::launch
