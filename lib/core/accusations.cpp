#include "core/accusations.hpp"

#include <algorithm>

namespace mobula::core {

bool accusations::accuse(wire::node_id node, wire::node_id by, std::uint64_t now_ns) {
  const auto [found, is_new] = suspects_.try_emplace(node);
  suspect& one = found->second;
  one.accusers[by] = now_ns;
  if (is_new) one.since_ns = now_ns;
  if (!is_new && !one.answered) return false;
  one.asked_ns = now_ns;
  one.answered = false;
  return true;
}

void accusations::heard(wire::node_id node) {
  if (const auto found = suspects_.find(node); found != suspects_.end())
    found->second.answered = true;
}

void accusations::died(wire::node_id node) {
  suspects_.erase(node);
  for (auto& [accused, one] : suspects_) one.accusers.erase(node);
  std::erase_if(suspects_, [](const auto& one) { return one.second.accusers.empty(); });
}

std::optional<wire::node_id> accusations::dead(std::uint64_t now_ns) {
  bool is_enough = false;
  for (auto at = suspects_.begin(); at != suspects_.end();) {
    auto& [node, one] = *at;
    std::erase_if(one.accusers,
                  [&](const auto& each) { return now_ns - each.second >= limits_.forget_ns; });
    if (!one.answered && now_ns - one.asked_ns >= limits_.answer_ns) return node;
    is_enough |= !one.accusers.empty() && now_ns - one.since_ns >= limits_.endure_ns;
    at = one.answered && one.accusers.empty() ? suspects_.erase(at) : std::next(at);
  }
  if (!is_enough) return std::nullopt;
  const auto worst = std::ranges::max_element(suspects_, {}, [&](const auto& entry) {
    const suspect& one = entry.second;
    return now_ns - one.since_ns >= limits_.endure_ns / 2 ? one.accusers.size() : 0;
  });
  return worst->first;
}

}  // namespace mobula::core
