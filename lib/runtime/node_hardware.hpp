#pragma once

#include <string>

#include "runtime/node_cores.hpp"
#include "runtime/node_description.hpp"
#include "runtime/start_texts.hpp"

namespace mobula::detail {

struct node_hardware {
  node_description description;
  node_cores cores;  // of its workers
};

/// Looks at the hardware of a node, as far as its ranks may use it.
/// @param told  what its first rank says of it
/// @throws start_error if another machine is to be taken for it that can't be read
node_hardware look_at_node(const hardware_question& told);

}  // namespace mobula::detail
