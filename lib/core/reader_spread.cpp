#include "core/reader_spread.hpp"

#include <algorithm>
#include <bit>

namespace mobula::core {

std::optional<reader_spread::referral> reader_spread::ask(wire::node_id reader, std::uint32_t level,
                                                          std::size_t active, bool insists) {
  ++asked_;
  const auto is_reader = [reader](const child& one) { return one.where.node == reader; };
  const auto share = static_cast<std::uint64_t>(std::bit_width(asked_ - 1));  // ceil(log2)
  const bool has_room = granted_ < share && active < active_max;
  if (insists || children_.empty() || has_room || std::ranges::any_of(children_, is_reader)) {
    ++granted_;
    adopt(reader, level);
    return std::nullopt;
  }
  const auto least = std::ranges::min_element(children_, {}, &child::load);
  ++least->load;
  return least->where;
}

void reader_spread::adopt(wire::node_id reader, std::uint32_t level) {
  forget(reader);
  children_.push_back({{reader, level}, 1});
}

void reader_spread::forget(wire::node_id node) {
  std::erase_if(children_, [node](const child& one) { return one.where.node == node; });
}

}  // namespace mobula::core
