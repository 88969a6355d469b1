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

}  // namespace

std::string infeasible_text(const wire::lease_request& asked, const peer_nodes& nodes) {
  const wire::node_id nearest = nodes.nearest(asked.demand);
  const peer_nodes::peer& node = nodes[nearest];
  return std::string{"no node of this job has "} + to_text(asked.demand) + ", which " +
         (asked.kind == wire::lease_kind::actor ? "an actor" : "a task") + " of process " +
         std::to_string(asked.owner.incarnation()) + " on node " +
         std::to_string(asked.owner.node()) + " asks for; nearest is node " +
         std::to_string(nearest) + " (" + node.host + ") with " + to_text(node.total) + " in all" +
         (fits(asked.demand, node.total) ? why_not_together(asked.demand, node) : "") + "." +
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

}  // namespace mobula::core
