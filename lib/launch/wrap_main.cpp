#include "launch/entry.hpp"

// The program is linked with --wrap=main: the C library's start calls __wrap_main, after all static
// initialisers, and __real_main is the user's main. In a program linked without that option nobody
// asks for __wrap_main, so that this file stays in its archive; the runtime's constructor is the
// entry then. It must not be part of a shared library: __real_main exists in the program alone.

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the linker chooses these names.
int __real_main(int argc, char** argv, char** variables);
int __wrap_main(int argc, char** argv, char** variables);
// NOLINTEND(bugprone-reserved-identifier)
}

int __wrap_main(int argc, char** argv, char** variables) {
  return mobula::detail::enter_program(argc, argv, variables, __real_main);
}
