#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "core/peer_nodes.hpp"
#include "wire/ids.hpp"
#include "wire/messages.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {

/// nodes_query: asks the other schedulers, and answers when all have answered or are dead.
class node_inquiries {
 public:
  explicit node_inquiries(wire::outbox& out) : out_{out} {}

  /// @param here  this node's own entry
  void ask(wire::process_id asker, std::uint64_t token, const wire::nodes_reply::entry& here,
           const peer_nodes& peers);
  void answered(wire::node_id by, const wire::nodes_reply& answer);
  /// A node has died: nobody waits for it any more.
  void died(wire::node_id node, const peer_nodes& peers);
  std::size_t open() const { return inquiries_.size(); }

 private:
  struct inquiry {
    wire::process_id asker;
    std::uint64_t token = 0;
    std::unordered_set<wire::node_id> awaited;
    wire::nodes_reply answer;
  };
  static wire::nodes_reply::entry dead(wire::node_id node, const peer_nodes& peers);
  void answer_if_complete(std::uint64_t number);

  wire::outbox& out_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, inquiry> inquiries_;
};

}  // namespace mobula::core
