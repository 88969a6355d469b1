#pragma once

#include "core/lease_book.hpp"
#include "mobula/options.hpp"
#include "wire/resources.hpp"

namespace mobula::detail {

/// What options ask for, in the books' units: amounts are rounded to ten-thousandths.
/// And where it may be. @throws error for an empty placement group
/// @throws std::invalid_argument for an amount that is negative, not a number or too large, for
/// more
///   than one GPU that is not whole, and for a custom resource with the name of a known one
core::demand_key demand_of(const task_options& options);
core::demand_key demand_of(const actor_options& options);

/// What a bundle of a placement group reserves. @throws std::invalid_argument as above
wire::resource_amounts amounts_of(const bundle& one);
/// What the group is named by. @throws error if it is empty
wire::group_id id_of(const placement_group& group);

/// What each node offers, as far as the runtime was told.
/// @throws std::invalid_argument as above
wire::resource_amounts amounts_of(double cpus, double gpus, double memory_bytes,
                                  const resource_map& resources);

}  // namespace mobula::detail
