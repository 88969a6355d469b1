#pragma once

#include <cstdint>
#include <string>

#include "wire/resources.hpp"

namespace mobula::core {

/// Whether every amount of `demand` is there in `available`.
bool fits(const wire::resource_amounts& demand, const wire::resource_amounts& available);
void add(wire::resource_amounts& to, const wire::resource_amounts& amounts);
/// What is taken must be there: anything else is a broken invariant.
void take(wire::resource_amounts& from, const wire::resource_amounts& amounts);
/// The amount of a custom resource; 0 if it is not named.
std::int64_t custom_amount(const wire::resource_amounts& amounts, const std::string& name);

/// The same number for the same amounts, and never 0.
std::uint64_t shape_number(const wire::resource_amounts& demand);

/// A set of resources by kind. Custom names share 60 places: two of them may look like one, which
/// makes some request wait that need not, never the other way round.
using resource_set = std::uint64_t;
inline constexpr resource_set cpus_bit = 1, gpus_bit = 2, memory_bit = 4, process_bit = 8;
/// What tasks that wait lend to others. They keep all else.
inline constexpr resource_set lent_kinds = cpus_bit | process_bit;
/// What `amounts` has more than nothing of.
resource_set kinds_of(const wire::resource_amounts& amounts);
/// What `demand` asks more of than there is.
resource_set lacking(const wire::resource_amounts& demand, const wire::resource_amounts& available);

/// The fullest of the resources that `demand` asks for, with it taken too: 0 empty, 1 full.
double load_with(const wire::resource_amounts& demand, const wire::resource_amounts& free,
                 const wire::resource_amounts& total);

/// For people: "{cpus: 4, gpus: 0.5, memory: 1024 bytes, ssd: 1}".
std::string to_text(const wire::resource_amounts& amounts);

}  // namespace mobula::core
