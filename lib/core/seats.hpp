#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/core_books.hpp"
#include "core/device_books.hpp"
#include "core/resources.hpp"
#include "wire/ids.hpp"
#include "wire/placement.hpp"
#include "wire/resources.hpp"

namespace mobula::core {

/// The exact books of a node's resources, seat by seat. Never over a total, never below nothing.
///
/// A bundle of a placement group is a seat too, with what it has taken from another: leases of its
/// group have room there alone, all others have none.
class seat_books {
 public:
  /// @param devices  of each seat; of a seat that isn't there: as many plain ones as it has gpus
  /// @param cores    of each seat; where there are fewer than its cpus none are told apart
  explicit seat_books(std::vector<wire::resource_amounts> totals,
                      std::vector<std::vector<device>> devices = {},
                      std::vector<std::vector<core_place>> cores = {});

  /// Those of bundles among them, also of some that are gone.
  std::uint32_t size() const { return static_cast<std::uint32_t>(seats_.size()); }
  const wire::resource_amounts& total_of(std::uint32_t seat) const { return seats_[seat].total; }
  const wire::resource_amounts& free_of(std::uint32_t seat) const { return seats_[seat].free; }
  const device_books& devices_of(std::uint32_t seat) const { return seats_[seat].devices; }
  /// Of a bundle's: those of the seat that it was taken from.
  const core_books& cores_of(std::uint32_t seat) const { return seats_[seats_[seat].from].cores; }
  /// Of all seats; what bundles have taken is not free.
  const wire::resource_amounts& total() const { return total_; }
  const wire::resource_amounts& free() const { return free_; }

  /// Whether a lease that may be `where` may be in this seat.
  bool admits(std::uint32_t seat, const wire::placement& where) const {
    return seats_[seat].admits(where);
  }
  /// What leases may be in this seat: those of a bundle's, or those of no group.
  wire::placement place_of(std::uint32_t seat) const;
  /// Whether some seat, all of it free, has this.
  bool feasible(const wire::resource_amounts& demand, const wire::placement& where = {}) const;
  /// Of all seats but bundles: the largest part, and all whole ones.
  device_room device_room_of_all() const;
  bool feasible_at(std::uint32_t seat, const wire::resource_amounts& demand,
                   const wire::placement& where = {}) const {
    return seats_[seat].admits(where) && seats_[seat].feasible(demand);
  }
  /// The seat with room for it that is fullest then; -1: none has.
  int seat_for(const wire::resource_amounts& demand, const wire::placement& where = {}) const;
  /// What it lacks there now.
  resource_set lacking_at(std::uint32_t seat, const wire::resource_amounts& demand) const;
  /// What the seats that could ever do it lack now (all of what any of them lacks).
  resource_set lacking_for(const wire::resource_amounts& demand,
                           const wire::placement& where = {}) const;
  void take_from(std::uint32_t seat, const wire::resource_amounts& amounts,
                 const device_set& devices = {}, const core_set& cores = {});
  void give_to(std::uint32_t seat, const wire::resource_amounts& amounts,
               const device_set& devices = {}, const core_set& cores = {});

  /// A seat for a bundle, with what was taken from seat `from` for it.
  std::uint32_t add_bundle(const wire::placement& bundle, std::uint32_t from,
                           const wire::resource_amounts& amounts, const device_set& devices);
  /// No more leases may be in it.
  void close_bundle(std::uint32_t seat) { seats_[seat].is_open = false; }
  /// All of it is free: it is no more. What it had is not given back by this.
  void remove_bundle(std::uint32_t seat);

 private:
  struct page {
    wire::resource_amounts total;
    wire::resource_amounts free;
    device_books devices;
    core_books cores;
    std::uint32_t from = 0;  // a bundle's: the seat that it was taken from; else this one
    bool in_use = true;
    bool is_open = true;
    wire::group_id group = {};  // a bundle's
    std::uint32_t bundle = 0;
    bool is_bundle() const { return static_cast<bool>(group); }
    bool admits(const wire::placement& where) const {
      return in_use && is_open && (is_bundle() ? where.admits(group, bundle) : !where.in_group());
    }
    bool has_room_for(const wire::resource_amounts& demand) const {
      return fits(demand, free) && devices.find(demand.gpus).has_value();
    }
    bool feasible(const wire::resource_amounts& demand) const {
      return fits(demand, total) && devices.feasible(demand.gpus);
    }
  };
  std::vector<page> seats_;
  wire::resource_amounts total_;
  wire::resource_amounts free_;
};

/// The devices of one seat of a node. Where none are told: as many plain ones as it has gpus, the
/// last one perhaps in part.
std::vector<device> devices_of_seat(const std::vector<std::vector<device>>& told, std::size_t seat,
                                    const wire::resource_amounts& total);

}  // namespace mobula::core
