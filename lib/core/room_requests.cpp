#include "core/room_requests.hpp"

#include <utility>

#include "core/errors.hpp"
#include "wire/codec.hpp"

namespace mobula::core {

using wire::process_id;

void room_requests::ask(process_id from, const wire::store_allocate& asked) {
  const request one{from, asked};
  if (waiting_.empty() && grant(one, false)) return;
  waiting_.push_back(one);
  if (awaited_.empty()) begin_round();
}

// @returns whether it was answered
bool room_requests::grant(const request& one, bool last_try) {
  const auto made = rooms_.give(one.from, one.what.size_bytes, one.what.slab_bytes);
  if (made.error && !last_try) return false;
  wire::store_grant answer;
  answer.token = one.what.token;
  std::vector<std::byte> error;
  if (made.error) {
    error = encoded(*made.error);
    answer.error = error;
  } else {
    answer.where = made.where;
  }
  wire::send(out_, one.from, answer);
  return true;
}

void room_requests::begin_round() {
  for (const process_id holder : rooms_.slab_holders()) {
    awaited_.insert(holder);
    wire::send(out_, holder, wire::store_query{token, true});
  }
  if (awaited_.empty()) end_round();
}

void room_requests::end_round() {
  // Whoever comes from here on makes a round of its own: what was given back is not all there is.
  for (const request& one : std::exchange(waiting_, {})) grant(one, true);
}

void room_requests::on_reply(process_id from) {
  if (awaited_.erase(from) != 0 && awaited_.empty()) end_round();
}

void room_requests::on_process_ended(process_id ended) {
  std::erase_if(waiting_, [ended](const request& one) { return one.from == ended; });
  on_reply(ended);
}

}  // namespace mobula::core
