#pragma once

#include <variant>

#include "mobula/placement.hpp"

namespace mobula::detail {

/// What a scheduling_strategy says, for as long as it lives.
struct chosen_place {
  std::variant<automatic, spread, on_node, labels, in_group> which;
};

template <class Kind>
bool is_chosen(const scheduling_strategy& strategy) {
  return std::holds_alternative<Kind>(place_chosen_by(strategy).which);
}

}  // namespace mobula::detail
