#pragma once

#include <functional>
#include <span>
#include <string>

#include "core/wait_graph.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// What a deadlock is told as: each step of the cycle in turn (of a long one, the first ones), and
/// what to do about it.
/// @param cycle    begins with an attempt that has begun
/// @param name_of  a function's name for people; empty if it isn't known
std::string deadlock_text(const wait_graph& graph, std::span<const wait_graph::index> cycle,
                          const std::function<std::string(wire::function_id)>& name_of);

}  // namespace mobula::core
