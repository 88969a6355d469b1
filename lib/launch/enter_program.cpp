#include <cstdio>

#include "launch/entry.hpp"

int mobula::detail::enter_program(int argc, char** argv, char** variables,
                                  main_function& users_main) {
  launch::say_main_is_wrapped();
  try {
    if (const auto role = launch::enter_role()) return serve(*role, argc, argv);
  } catch (const launch::start_error& error) {
    std::fprintf(stderr, "mobula: %s\n", error.what());
    return 2;
  }
  return users_main(argc, argv, variables);
}
