#pragma once

#include <string_view>
#include <vector>

#include "launch/identity.hpp"
#include "mobula/detail/backend.hpp"
#include "wire/ids.hpp"

namespace mobula::detail {

/// A remote function that registered itself.
struct function_entry {
  thunk run = nullptr;
  std::string_view name;
};

/// The remote functions of this process, by their ids. Filled by static initialisers, also by those
/// of libraries that are loaded later; thread-safe.
namespace function_table {

/// The id of a registered thunk.
wire::function_id id_of(thunk run);
/// The function of that id; null if no module of this process registered it.
const function_entry* find(wire::function_id id);
/// The modules that have remote functions, the program first.
std::vector<launch::module_identity> modules();

}  // namespace function_table

}  // namespace mobula::detail
