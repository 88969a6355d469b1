#include "core/seats.hpp"

#include <algorithm>
#include <utility>

#include "core/invariant.hpp"

namespace mobula::core {

std::vector<device> devices_of_seat(const std::vector<std::vector<device>>& told, std::size_t seat,
                                    const wire::resource_amounts& total) {
  if (seat < told.size() && !told[seat].empty()) return told[seat];
  constexpr std::int64_t unit = wire::resource_amounts::unit;
  return std::vector<device>(static_cast<std::size_t>((total.gpus + unit - 1) / unit));
}

seat_books::seat_books(std::vector<wire::resource_amounts> totals,
                       std::vector<std::vector<device>> devices,
                       std::vector<std::vector<core_place>> cores) {
  constexpr auto unit = static_cast<std::uint64_t>(wire::resource_amounts::unit);
  cores.resize(totals.size());
  for (std::size_t i = 0; i < totals.size(); ++i) {
    const auto& total = totals[i];
    add(total_, total);
    const auto cpus = static_cast<std::uint64_t>(total.cpus);
    if (cores[i].size() * unit < cpus) cores[i].clear();
    seats_.push_back({total, total, device_books{devices_of_seat(devices, i, total)},
                      core_books{std::move(cores[i])}, static_cast<std::uint32_t>(i)});
  }
  free_ = total_;
}

wire::placement seat_books::place_of(std::uint32_t seat) const {
  wire::placement where;
  if (!seats_[seat].is_bundle()) return where;
  where.how = wire::placement_kind::group;
  where.group = seats_[seat].group;
  where.bundle = seats_[seat].bundle;
  return where;
}

bool seat_books::feasible(const wire::resource_amounts& demand,
                          const wire::placement& where) const {
  return std::ranges::any_of(
      seats_, [&](const page& seat) { return seat.admits(where) && seat.feasible(demand); });
}

device_room seat_books::device_room_of_all() const {
  device_room all;
  for (const page& seat : seats_) {
    if (seat.is_bundle()) continue;
    const device_room one = seat.devices.room();
    all.part = std::max(all.part, one.part);
    all.whole += one.whole;
  }
  return all;
}

int seat_books::seat_for(const wire::resource_amounts& demand, const wire::placement& where) const {
  int best = -1;
  double best_load = -1;
  for (std::uint32_t i = 0; i < size(); ++i) {
    if (!seats_[i].admits(where) || !seats_[i].has_room_for(demand)) continue;
    const double load = load_with(demand, seats_[i].free, seats_[i].total);
    if (load > best_load) {
      best = static_cast<int>(i);
      best_load = load;
    }
  }
  return best;
}

resource_set seat_books::lacking_at(std::uint32_t seat,
                                    const wire::resource_amounts& demand) const {
  const page& at = seats_[seat];
  // What is free of the devices may be in pieces.
  return lacking(demand, at.free) | (at.devices.find(demand.gpus) ? 0 : gpus_bit);
}

resource_set seat_books::lacking_for(const wire::resource_amounts& demand,
                                     const wire::placement& where) const {
  resource_set kinds = 0;
  for (std::uint32_t seat = 0; seat < size(); ++seat) {
    if (feasible_at(seat, demand, where)) kinds |= lacking_at(seat, demand);
  }
  return kinds;
}

void seat_books::take_from(std::uint32_t seat, const wire::resource_amounts& amounts,
                           const device_set& devices, const core_set& cores) {
  seats_[seat].devices.take(devices);
  seats_[seats_[seat].from].cores.take(cores);
  take(seats_[seat].free, amounts);
  if (!seats_[seat].is_bundle()) take(free_, amounts);
}

void seat_books::give_to(std::uint32_t seat, const wire::resource_amounts& amounts,
                         const device_set& devices, const core_set& cores) {
  seats_[seat].devices.give(devices);
  seats_[seats_[seat].from].cores.give(cores);
  add(seats_[seat].free, amounts);
  if (!seats_[seat].is_bundle()) add(free_, amounts);
  invariant(fits(seats_[seat].free, seats_[seat].total), "no more is free than there is",
            static_cast<std::uint64_t>(seats_[seat].free.cpus),
            static_cast<std::uint64_t>(seats_[seat].total.cpus));
}

std::uint32_t seat_books::add_bundle(const wire::placement& bundle, std::uint32_t from,
                                     const wire::resource_amounts& amounts,
                                     const device_set& devices) {
  page one{amounts, amounts, seats_[from].devices.only(devices), core_books{}, from};
  one.group = bundle.group;
  one.bundle = bundle.bundle;
  const auto unused = std::ranges::find_if(seats_, [](const page& seat) { return !seat.in_use; });
  if (unused != seats_.end()) {
    *unused = std::move(one);
    return static_cast<std::uint32_t>(unused - seats_.begin());
  }
  seats_.push_back(std::move(one));
  return size() - 1;
}

void seat_books::remove_bundle(std::uint32_t seat) {
  page& gone = seats_[seat];
  invariant(gone.is_bundle() && gone.free == gone.total, "nobody uses a bundle that goes", seat);
  gone.in_use = false;
}

}  // namespace mobula::core
