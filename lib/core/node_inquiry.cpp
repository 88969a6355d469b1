#include "core/node_inquiry.hpp"

#include <algorithm>
#include <vector>

#include "wire/codec.hpp"

namespace mobula::core {

wire::nodes_reply::entry node_inquiries::dead(wire::node_id node, const peer_nodes& peers) {
  wire::nodes_reply::entry entry;
  entry.node = node;
  entry.alive = false;
  entry.host = peers[node].host;
  entry.total = peers[node].total;
  return entry;
}

void node_inquiries::ask(wire::process_id asker, std::uint64_t token,
                         const wire::nodes_reply::entry& here, const peer_nodes& peers) {
  const std::uint64_t number = ++last_;
  inquiry& one = inquiries_[number];
  one.asker = asker;
  one.token = token;
  one.answer.nodes.push_back(here);
  for (std::size_t i = 0; i < peers.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (node == peers.self()) continue;
    if (!peers[node].alive) {
      one.answer.nodes.push_back(dead(node, peers));
      continue;
    }
    one.awaited.insert(node);
    wire::send(out_, wire::process_id::scheduler_of(node), wire::nodes_query{number});
  }
  answer_if_complete(number);
}

void node_inquiries::answered(wire::node_id by, const wire::nodes_reply& answer) {
  const auto at = inquiries_.find(answer.token);
  if (at == inquiries_.end() || at->second.awaited.erase(by) == 0) return;
  for (const auto& entry : answer.nodes) {
    if (entry.node == by) at->second.answer.nodes.push_back(entry);
  }
  answer_if_complete(answer.token);
}

void node_inquiries::died(wire::node_id node, const peer_nodes& peers) {
  std::vector<std::uint64_t> concerned;
  for (auto& [number, one] : inquiries_) {
    if (one.awaited.erase(node) == 0) continue;
    one.answer.nodes.push_back(dead(node, peers));
    concerned.push_back(number);
  }
  std::sort(concerned.begin(), concerned.end());
  for (const std::uint64_t number : concerned) answer_if_complete(number);
}

void node_inquiries::answer_if_complete(std::uint64_t number) {
  const auto at = inquiries_.find(number);
  inquiry& one = at->second;
  if (!one.awaited.empty()) return;
  std::sort(one.answer.nodes.begin(), one.answer.nodes.end(),
            [](const auto& a, const auto& b) { return a.node < b.node; });
  one.answer.token = one.token;
  wire::send(out_, one.asker, one.answer);
  inquiries_.erase(at);
}

}  // namespace mobula::core
