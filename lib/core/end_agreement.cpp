#include "core/end_agreement.hpp"

namespace mobula::core {

using wire::process_id;

end_agreement::end_agreement(const peer_nodes& nodes) {
  const wire::node_id self = nodes.self();
  for (std::uint32_t i = 1; i <= nodes[self].drivers; ++i) missing_.insert({self, i});
  if (self != 0) return;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto node = static_cast<wire::node_id>(i);
    if (nodes[node].drivers != 0) missing_.insert(process_id::scheduler_of(node));
  }
}

bool end_agreement::asked(process_id by) { return missing_.erase(by) != 0 && missing_.empty(); }

}  // namespace mobula::core
