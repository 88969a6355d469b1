#pragma once

#include <type_traits>

#include "mobula/detail/api.hpp"
#include "mobula/detail/backend.hpp"

namespace MOBULA_API mobula {

namespace detail {

template <auto Hook>
struct worker_start {
  static void run(int argc, char** argv) { static_cast<void>(Hook(argc, argv)); }
  static inline const bool before_main = register_worker_start(&run);
};

}  // namespace detail

/// Has every worker process call `Hook(argc, argv)`, with the program's arguments, before it runs
/// tasks: to set up a library, or what `main` parses.
///
/// To be mentioned once, anywhere in the program; before main runs, all that are mentioned are
/// known:
/// `static const bool ready = mobula::on_worker_start<setup>();`
/// What a hook throws ends its worker. Hooks of one source file run in their order there.
/// @return true
template <auto Hook>
bool on_worker_start() noexcept {
  static_assert(std::is_invocable_v<decltype(Hook), int, char**>,
                "mobula: on_worker_start needs a function that can be called with (argc, argv)");
  static_cast<void>(&detail::worker_start<Hook>::before_main);
  return true;
}

}  // namespace mobula
