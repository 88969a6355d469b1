#include "core/refusals.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "wire/codec.hpp"
#include "wire/edit_distance.hpp"

namespace mobula::core {

namespace {

// Of amounts that a node has.
std::string why_not_together(const wire::resource_amounts& demand, const peer_nodes::peer& node) {
  const auto has_it = [&](const auto& seat) { return fits(demand, seat); };
  if (std::ranges::none_of(node.seats, has_it)) {
    return ", but only the shares of its " + std::to_string(node.seats.size()) +
           " ranks together have that, and a lease has its resources from one";
  }
  return ", but not together: of GPUs that MIG has cut a lease has one instance at most, and no "
         "part of a GPU in exclusive mode unless MPS runs";
}

// Of a custom resource that no node has: what may have been meant.
std::string meant_instead(const wire::resource_amounts& demand, const peer_nodes& nodes) {
  std::set<std::string> known;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto& all = nodes[static_cast<wire::node_id>(i)].total.custom;
    for (const auto& [name, amount] : all) known.insert(name);
  }
  if (known.empty()) return {};
  for (const auto& [name, amount] : demand.custom) {
    if (known.contains(name)) continue;
    const auto distance_to = [&name = name](const std::string& other) {
      return wire::edit_distance(name, other);
    };
    return " No node has any \"" + name + "\" at all; of what there is \"" +
           *std::ranges::min_element(known, {}, distance_to) + "\" is most like it.";
  }
  return {};
}

// Of all nodes, or of those that may be taken.
std::string no_node(const wire::placement& where, const peer_nodes& nodes) {
  if (where.how == wire::placement_kind::node) {
    const std::string that = "node " + std::to_string(where.node);
    if (where.node >= nodes.size())
      return "there is no " + that + ": this job has nodes 0 to " +
             std::to_string(nodes.size() - 1) + ". It was to have ";
    return that + (nodes[static_cast<wire::node_id>(where.node)].alive ? " has not "
                                                                       : " has ended, with ");
  }
  if (where.how != wire::placement_kind::labels) return "no node of this job has ";
  std::string text = "no node of which is said {";
  for (const wire::label& one : where.labels)
    text += (text.back() == '{' ? "" : ", ") + one.key + ": " + one.value;
  return text + "} has ";
}

}  // namespace

std::string infeasible_text(const wire::lease_request& asked, const peer_nodes& nodes) {
  const wire::node_id nearest = nodes.nearest(asked.demand, asked.where);
  const peer_nodes::peer& node = nodes[nearest];
  const bool has_it_apart = fits(asked.demand, node.total) && nodes.admits(nearest, asked.where);
  return no_node(asked.where, nodes) + to_text(asked.demand) + ", which " +
         (asked.kind == wire::lease_kind::actor ? "an actor" : "a task") + " of process " +
         std::to_string(asked.owner.incarnation()) + " on node " +
         std::to_string(asked.owner.node()) + " asks for; nearest is node " +
         std::to_string(nearest) + " (" + node.host + ") with " + to_text(node.total) + " in all" +
         (has_it_apart ? why_not_together(asked.demand, node) : "") + "." +
         meant_instead(asked.demand, nodes) +
         " Ask for less, or start the job with more (runtime_options).";
}

std::vector<std::byte> infeasible_error(const wire::lease_request& asked, const peer_nodes& nodes) {
  wire::error_value error;
  error.code = wire::error_code::infeasible;
  error.process = wire::process_id::scheduler_of(nodes.self());
  error.host = nodes[nodes.self()].host;
  error.what = infeasible_text(asked, nodes);
  std::vector<std::byte> bytes(wire::encoded_size(error));
  wire::writer room{bytes.data()};
  wire::encode_part(room, error);
  return bytes;
}

void send_refusal(wire::outbox& out, wire::process_id owner, std::uint64_t request,
                  std::uint32_t count, wire::blob error) {
  wire::lease_refuse answer;
  answer.request = request;
  answer.count = count;
  answer.error = error;
  wire::send(out, owner, answer);
}

}  // namespace mobula::core
