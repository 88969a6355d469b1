#include "core/refusals.hpp"

#include <string>

#include "wire/codec.hpp"

namespace mobula::core {

namespace {

// Of amounts that a node has.
constexpr const char* why_not_together =
    ", but not together: a lease has its resources from one rank's share, of GPUs that MIG has cut "
    "one instance at most, and no part of a GPU in exclusive mode unless MPS runs";

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

std::vector<std::byte> infeasible_error(const wire::lease_request& asked, const peer_nodes& nodes) {
  const wire::node_id nearest = nodes.nearest(asked.demand, asked.where);
  wire::error_value error;
  error.code = wire::error_code::infeasible;
  error.process = wire::process_id::scheduler_of(nodes.self());
  error.host = nodes[nodes.self()].host;
  error.what = no_node(asked.where, nodes) + to_text(asked.demand) + ", which " +
               (asked.kind == wire::lease_kind::actor ? "an actor" : "a task") + " of process " +
               std::to_string(asked.owner.incarnation()) + " on node " +
               std::to_string(asked.owner.node()) + " asks for; nearest is node " +
               std::to_string(nearest) + " (" + nodes[nearest].host + ") with " +
               to_text(nodes[nearest].total) + " in all" +
               (fits(asked.demand, nodes[nearest].total) && nodes.admits(nearest, asked.where)
                    ? why_not_together
                    : "") +
               ". Ask for less, or start the job with more (runtime_options).";
  std::vector<std::byte> bytes(wire::encoded_size(error));
  wire::writer room{bytes.data()};
  wire::encode_part(room, error);
  return bytes;
}

}  // namespace mobula::core
