// Strategies as users name them.

#include <memory>
#include <utility>

#include "mobula/placement.hpp"
#include "runtime/chosen_place.hpp"

namespace mobula {

using detail::chosen_place;

namespace {

std::shared_ptr<const chosen_place> choose(auto kind) {
  return std::make_shared<const chosen_place>(chosen_place{std::move(kind)});
}

// Never destroyed: what a program does last may name one.
const chosen_place& everywhere() {
  static const auto& all = *new chosen_place{automatic{}};
  return all;
}

}  // namespace

labels::labels(std::initializer_list<std::pair<const std::string, std::string>> all) : all_{all} {}
labels::labels(std::map<std::string, std::string> all) : all_{std::move(all)} {}

scheduling_strategy::scheduling_strategy(spread that) : chosen_{choose(that)} {}
scheduling_strategy::scheduling_strategy(on_node that) : chosen_{choose(that)} {}
scheduling_strategy::scheduling_strategy(labels wanted) : chosen_{choose(std::move(wanted))} {}
scheduling_strategy::scheduling_strategy(in_group inside) : chosen_{choose(std::move(inside))} {}
scheduling_strategy::scheduling_strategy(placement_group any_of)
    : scheduling_strategy{in_group{std::move(any_of)}} {}

const chosen_place& detail::place_chosen_by(const scheduling_strategy& strategy) noexcept {
  return strategy.chosen_ ? *strategy.chosen_ : everywhere();
}

}  // namespace mobula
