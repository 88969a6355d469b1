#pragma once

#include "wire/ids.hpp"
#include "wire/outbox.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

struct attempt;
class executor;
class owner;

/// The name of an attempt's wait, in the process where it runs.
wire::wait_point point_of(const attempt& one, wire::process_id where);
/// What something that this process knows of waits for.
/// @param runs  null in the driver
wire::wait_reply answer_wait(owner& owns, executor* runs, const wire::wait_point& about);
/// Answers a wait_query.
void on_wait_query(owner& owns, executor* runs, wire::process_id from, wire::blob message,
                   wire::outbox& out);

}  // namespace mobula::core
