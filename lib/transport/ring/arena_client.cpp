#include "transport/ring/arena_client.hpp"

#include <algorithm>
#include <utility>

#include "transport/ring/socket.hpp"

namespace mobula::ring {

bool arena_client::connect(std::string_view broker_name) {
  socket_ = connect_to(broker_name);
  return socket_ && make_nonblocking(socket_.number());
}

void arena_client::ask_arena(wire::process_id process) {
  asked_.push_back(process);
  ++unsent_;
  send_questions();
}

// What the socket has no room for now is sent later. A broker that has gone is found when its
// answers are read.
void arena_client::send_questions() {
  while (unsent_ != 0) {
    const wire::process_id process = asked_[asked_.size() - unsent_];
    const question asked{.job_token = job_token_,
                         .kind = question_kind::arena,
                         .asker = self_.incarnation(),
                         .number = process.bits()};
    if (!send_packet(socket_.number(), &asked, sizeof asked)) return;
    --unsent_;
  }
}

std::optional<arena_answer> arena_client::next_arena() {
  if (asked_.empty()) return std::nullopt;
  send_questions();
  auto memory = receive_answer(socket_.number());
  if (!memory) return std::nullopt;
  const wire::process_id process = asked_.front();
  asked_.pop_front();
  // Without a broker what was not sent is answered too.
  unsent_ = std::min(unsent_, asked_.size());
  return arena_answer{process, std::move(*memory)};
}

}  // namespace mobula::ring
