#include "job/library.hpp"

#include <mobula/remote.hpp>

namespace library {

namespace {
int quadruple(int value) { return 4 * value; }
}  // namespace

int triple(int value) { return 3 * value; }

mobula::object_ref<int> submit_quadruple(int value) { return mobula::remote<quadruple>(value); }

}  // namespace library
