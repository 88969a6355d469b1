#include "core/core_books.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "core/invariant.hpp"

namespace mobula::core {

namespace {

constexpr std::int64_t unit = wire::resource_amounts::unit;

using numbers = std::vector<std::uint32_t>;

// What cores have in common, outwards.
constexpr std::array<std::uint32_t core_place::*, 3> steps{&core_place::group, &core_place::numa,
                                                           &core_place::package};

// How many steps outwards it is from one to where the other is too.
std::size_t distance(const core_place& one, const core_place& other) {
  std::size_t step = 0;
  while (step < steps.size() && one.*steps[step] != other.*steps[step]) ++step;
  return step;
}

std::vector<numbers> parts_of(const numbers& from, const std::vector<core_place>& cores,
                              std::uint32_t core_place::*what) {
  std::map<std::uint32_t, numbers> parts;
  for (const std::uint32_t one : from) parts[cores[one].*what].push_back(one);
  std::vector<numbers> all;
  for (auto& [number, part] : parts) all.push_back(std::move(part));
  return all;
}

// The smallest part of so many, so that larger ones stay whole; null: none is that large.
const numbers* smallest_with(const std::vector<numbers>& parts, std::size_t count) {
  const numbers* best = nullptr;
  for (const numbers& one : parts) {
    if (one.size() >= count && (!best || one.size() < best->size())) best = &one;
  }
  return best;
}

bool contains(const numbers& all, std::uint32_t one) { return std::ranges::count(all, one) != 0; }

}  // namespace

core_books::core_books(std::vector<core_place> cores)
    : cores_{std::move(cores)}, free_(cores_.size(), unit) {}

core_set core_books::find(std::int64_t cpus, const device_set& near) const {
  core_set found;
  if (cores_.empty() || cpus <= 0) return found;
  const numbers whole = find_whole(static_cast<std::size_t>(cpus / unit), near);
  for (const std::uint32_t one : whole) found.push_back({one, unit});
  const std::int64_t rest = cpus % unit;
  if (rest != 0 && whole.size() < cores_.size())
    found.push_back({find_part(rest, near, whole), rest});
  std::ranges::sort(found, {}, &core_share::number);
  return found;
}

bool core_books::is_far(std::uint32_t core, const device_set& near) const {
  const auto& devices = cores_[core].devices;
  return !near.empty() && std::ranges::none_of(near, [&](const device_share& one) {
    return std::ranges::count(devices, one.number) != 0;
  });
}

core_books::numbers core_books::find_whole(std::size_t count, const device_set& near) const {
  // By what is better: near before far, fast before slow.
  std::map<std::pair<bool, std::int64_t>, numbers> free;
  for (std::uint32_t i = 0; i < cores_.size() && count != 0; ++i) {
    if (free_[i] == unit)
      free[{is_far(i, near), -static_cast<std::int64_t>(cores_[i].kind)}].push_back(i);
  }
  numbers found;
  for (const auto& [how_good, some] : free)
    add_close(some, std::min(count - found.size(), some.size()), found);
  if (found.size() < count) add_used(count, near, found);
  return found;
}

/// So many of `from`, as close together as they can be.
void core_books::add_close(numbers from, std::size_t count, numbers& to) const {
  while (count != 0) {
    std::size_t step = 0;
    for (; step < steps.size(); ++step) {
      const auto parts = parts_of(from, cores_, steps[step]);
      if (const numbers* all = smallest_with(parts, count)) {
        from = numbers{*all};
        break;
      }
    }
    if (step == 0) {
      to.insert(to.end(), from.begin(), from.begin() + static_cast<std::ptrdiff_t>(count));
      return;
    }
    // No smaller part of this one has so many: the largest goes in whole, the rest beside it.
    const auto parts = parts_of(from, cores_, steps[step - 1]);
    const numbers& largest = *std::ranges::max_element(parts, {}, &numbers::size);
    to.insert(to.end(), largest.begin(), largest.end());
    count -= largest.size();
    std::erase_if(from, [&](std::uint32_t one) { return contains(largest, one); });
  }
}

/// Up to so many with those that others have taken in part: where most is free first.
void core_books::add_used(std::size_t count, const device_set& near, numbers& to) const {
  numbers others;
  for (std::uint32_t i = 0; i < cores_.size(); ++i)
    if (!contains(to, i)) others.push_back(i);
  std::ranges::stable_sort(others, {}, [&](std::uint32_t one) {
    return std::pair{-free_[one], is_far(one, near)};
  });
  others.resize(std::min(others.size(), count - to.size()));
  to.insert(to.end(), others.begin(), others.end());
}

/// Near, where there is room, most is taken already, and not far from the whole ones. An untouched
/// core is a slow one, so that the fast ones stay whole.
std::uint32_t core_books::find_part(std::int64_t amount, const device_set& near,
                                    const numbers& whole) const {
  const auto how_bad = [&](std::uint32_t one) {
    const bool has_no_room = free_[one] < amount;
    return std::tuple{has_no_room, is_far(one, near), has_no_room ? -free_[one] : free_[one],
                      whole.empty() ? 0 : distance(cores_[one], cores_[whole.front()]),
                      cores_[one].kind};
  };
  numbers others;
  for (std::uint32_t i = 0; i < cores_.size(); ++i)
    if (!contains(whole, i)) others.push_back(i);
  return *std::ranges::min_element(others, {}, how_bad);
}

std::int64_t core_books::shared(const core_set& cores) const {
  return std::accumulate(cores.begin(), cores.end(), std::int64_t{0},
                         [this](std::int64_t sum, const core_share& one) {
                           return sum + std::max<std::int64_t>(0, one.amount - free_[one.number]);
                         });
}

void core_books::take(const core_set& cores) {
  for (const core_share& one : cores) free_[one.number] -= one.amount;
}

void core_books::give(const core_set& cores) {
  for (const core_share& one : cores) {
    free_[one.number] += one.amount;
    invariant(free_[one.number] <= unit, "no more of a core is free than there is", one.number);
  }
}

}  // namespace mobula::core
