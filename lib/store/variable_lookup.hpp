#pragma once

#include <functional>
#include <optional>
#include <string_view>

namespace mobula::store {

/// Reads an environment variable; nothing if it isn't set.
using variable_lookup = std::function<std::optional<std::string_view>(std::string_view name)>;

}  // namespace mobula::store
