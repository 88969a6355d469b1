#include "core/device_books.hpp"

#include <algorithm>
#include <limits>

#include "core/invariant.hpp"

namespace mobula::core {

namespace {

constexpr std::int64_t unit = wire::resource_amounts::unit;

}  // namespace

device_books::device_books(std::vector<device> devices)
    : devices_{std::move(devices)}, total_(devices_.size(), unit), free_{total_} {}

device_books device_books::only(const device_set& these) const {
  device_books part{devices_};
  part.total_.assign(devices_.size(), 0);
  for (const device_share& one : these) part.total_[one.number] = one.amount;
  part.free_ = part.total_;
  return part;
}

device_books device_books::of_room(const device_room& room) {
  device_books books{std::vector<device>(room.whole)};
  if (room.part == 0 || (room.part == unit && room.whole != 0)) return books;
  books.devices_.push_back({});
  books.total_.push_back(unit);
  books.free_.push_back(room.part);
  return books;
}

device_books device_books::all_free() const {
  device_books whole = *this;
  whole.free_ = whole.total_;
  return whole;
}

bool device_books::feasible(std::int64_t gpus) const {
  return gpus <= 0 || all_free().find(gpus).has_value();
}

std::optional<device_set> device_books::find(std::int64_t gpus) const {
  if (gpus <= 0) return device_set{};
  if (gpus < unit) return find_part(gpus);
  if (gpus % unit != 0) return std::nullopt;
  return find_whole(static_cast<std::size_t>(gpus / unit));
}

std::optional<device_set> device_books::find_part(std::int64_t amount) const {
  std::optional<std::size_t> fullest;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (!devices_[i].can_be_shared || free_[i] < amount) continue;
    if (!fullest || free_[i] < free_[*fullest]) fullest = i;
  }
  if (!fullest) return std::nullopt;
  return device_set{{static_cast<std::uint32_t>(*fullest), amount}};
}

std::optional<device_set> device_books::find_whole(std::size_t count) const {
  std::vector<std::uint32_t> whole;
  for (std::uint32_t i = 0; i < devices_.size(); ++i)
    if (free_[i] == unit && (count == 1 || !devices_[i].is_part)) whole.push_back(i);
  if (whole.size() < count) return std::nullopt;
  // Neighbours in the books are neighbours in the machine.
  std::size_t best = 0;
  std::uint32_t width = std::numeric_limits<std::uint32_t>::max();
  for (std::size_t first = 0; first + count <= whole.size(); ++first) {
    const std::uint32_t one = whole[first + count - 1] - whole[first];
    if (one < width) {
      width = one;
      best = first;
    }
  }
  device_set found;
  for (std::size_t i = 0; i < count; ++i) found.push_back({whole[best + i], unit});
  return found;
}

bool device_books::is_free(const device_set& devices) const {
  return std::ranges::all_of(devices, [this](const device_share& one) {
    return one.number < free_.size() && one.amount <= free_[one.number];
  });
}

device_room device_books::room() const {
  device_room found;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    if (devices_[i].can_be_shared) found.part = std::max(found.part, free_[i]);
    if (free_[i] == unit) ++found.whole;
  }
  return found;
}

std::uint32_t device_room::times(std::int64_t gpus, std::uint32_t most) const {
  if (gpus <= 0) return most;
  if (gpus < unit) return gpus <= part ? most : 0;
  return std::min(most, static_cast<std::uint32_t>(whole / (gpus / unit)));
}

void device_books::take(const device_set& devices) {
  invariant(is_free(devices), "only free devices are taken", devices.size());
  for (const device_share& one : devices) free_[one.number] -= one.amount;
}

void device_books::give(const device_set& devices) {
  for (const device_share& one : devices) {
    free_[one.number] += one.amount;
    invariant(free_[one.number] <= total_[one.number], "no more of a device is free than there is",
              one.number);
  }
}

std::int64_t amount_of(const device_set& devices) {
  std::int64_t sum = 0;
  for (const device_share& one : devices) sum += one.amount;
  return sum;
}

}  // namespace mobula::core
