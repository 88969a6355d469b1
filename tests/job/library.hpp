#pragma once

// Functions in a shared library: one that a program makes remote, and one that is remote in there.

#include <mobula/object_ref.hpp>

namespace library {

int triple(int value);
mobula::object_ref<int> submit_quadruple(int value);

}  // namespace library
