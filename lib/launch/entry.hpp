#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "launch/start_error.hpp"

namespace mobula::launch {

/// What a child process is for. Ranks get theirs from the layout.
enum class role : std::uint8_t {
  scheduler,
  worker,
  warden,  // watches over a command of the user's
};

std::string_view name_of(role one);
std::optional<role> role_named(std::string_view name);

/// What a child knows of itself when it enters service.
struct entry {
  role as = role::worker;
  /// What its parent told it (child_recipe::start); opaque to this layer.
  std::string start;
};

/// The first descriptor that a child was given (child_recipe::descriptors).
inline constexpr int first_given_descriptor = 3;

/// Whether the program entered through the wrapped main (enter_program says it).
void say_main_is_wrapped();
bool main_is_wrapped();

/// Tells whether this process is a child that Mobula started, and makes it one: it dies with its
/// parent (a warden sees to more than itself, and does that in its own way) and outlives warnings
/// (warnings.hpp), and the variables that tell it so are gone afterwards, so that what it starts
/// itself is not taken for a child. Nothing, and no effect, in every other process. Called once,
/// first thing in main.
///
/// Leaves the process if the parent is gone already.
/// @throws start_error if the variables were set by somebody else
std::optional<entry> enter_role();

}  // namespace mobula::launch

namespace mobula::detail {

/// What a child does instead of the user's main; defined by the layer above. The wrapped main
/// returns what this returns.
int serve(const launch::entry& start, int argc, char** argv);

/// What the wrapped main does: enters service in a child, goes on with the user's main in every
/// other process. The shared library exports it beside the API, for wrap_main.cpp stands in the
/// program itself.
using main_function = int(int argc, char** argv, char** variables);
[[gnu::visibility("default")]] int enter_program(int argc, char** argv, char** variables,
                                                 main_function& users_main);

}  // namespace mobula::detail
