#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wire/resources.hpp"

namespace mobula::core {

/// What the books know of a GPU.
struct device {
  bool can_be_shared = true;  // several leases may have a part of it
  bool is_part = false;       // an instance of one that MIG has cut: no lease has two of these
  bool operator==(const device&) const = default;
};

/// All of a device, or a part of it.
struct device_share {
  std::uint32_t number = 0;  // its place in the books
  std::int64_t amount = 0;   // in units of resource_amounts
  bool operator==(const device_share&) const = default;
};
/// The devices of one lease: several whole ones, in the order of their numbers, or a part of one.
using device_set = std::vector<device_share>;

/// What could be had of devices: the largest part of one, and how many whole ones.
struct device_room {
  std::int64_t part = 0;
  std::uint32_t whole = 0;
  /// How many leases of so many, at most `most`.
  std::uint32_t times(std::int64_t gpus, std::uint32_t most) const;
};

/// The exact books of a seat's GPUs. No device is ever given out beyond the whole of it.
class device_books {
 public:
  explicit device_books(std::vector<device> devices = {});
  /// Devices in which there is that much room, whatever they are.
  static device_books of_room(const device_room& room);
  /// The same devices, of which there are no more than these.
  device_books only(const device_set& these) const;

  std::size_t size() const { return devices_.size(); }
  /// Whether a lease of so many could be granted if all were free.
  bool feasible(std::int64_t gpus) const;
  /// Devices for a lease that has none yet; nothing: these are not free now. Parts go where the
  /// most is taken already; several whole devices lie as close together as they can. Of no gpus:
  /// none.
  std::optional<device_set> find(std::int64_t gpus) const;
  bool is_free(const device_set& devices) const;
  device_room room() const;
  /// The same devices, all of them free.
  device_books all_free() const;
  void take(const device_set& devices);
  void give(const device_set& devices);

 private:
  std::optional<device_set> find_part(std::int64_t amount) const;
  std::optional<device_set> find_whole(std::size_t count) const;

  std::vector<device> devices_;
  std::vector<std::int64_t> total_;  // of each, at most all of it
  std::vector<std::int64_t> free_;
};

/// What a lease of these has in all.
std::int64_t amount_of(const device_set& devices);

}  // namespace mobula::core
