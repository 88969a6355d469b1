#include "core/seats.hpp"

#include <algorithm>

#include "core/invariant.hpp"

namespace mobula::core {

seat_books::seat_books(std::vector<wire::resource_amounts> totals) {
  for (auto& total : totals) {
    add(total_, total);
    seats_.push_back({total, total});
  }
  free_ = total_;
}

bool seat_books::feasible(const wire::resource_amounts& demand) const {
  return std::any_of(seats_.begin(), seats_.end(),
                     [&](const page& seat) { return fits(demand, seat.total); });
}

int seat_books::seat_for(const wire::resource_amounts& demand) const {
  int best = -1;
  double best_load = -1;
  for (std::uint32_t i = 0; i < size(); ++i) {
    if (!fits(demand, seats_[i].free)) continue;
    const double load = load_with(demand, seats_[i].free, seats_[i].total);
    if (load > best_load) {
      best = static_cast<int>(i);
      best_load = load;
    }
  }
  return best;
}

resource_set seat_books::lacking_for(const wire::resource_amounts& demand) const {
  resource_set kinds = 0;
  for (const page& seat : seats_) {
    if (fits(demand, seat.total)) kinds |= lacking(demand, seat.free);
  }
  return kinds;
}

void seat_books::take_from(std::uint32_t seat, const wire::resource_amounts& amounts) {
  take(seats_[seat].free, amounts);
  take(free_, amounts);
}

void seat_books::give_to(std::uint32_t seat, const wire::resource_amounts& amounts) {
  add(seats_[seat].free, amounts);
  add(free_, amounts);
  invariant(fits(seats_[seat].free, seats_[seat].total), "no more is free than there is",
            static_cast<std::uint64_t>(seats_[seat].free.cpus),
            static_cast<std::uint64_t>(seats_[seat].total.cpus));
}

}  // namespace mobula::core
