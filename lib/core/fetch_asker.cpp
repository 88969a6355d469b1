#include "core/fetch_asker.hpp"

#include <vector>

#include "core/errors.hpp"
#include "wire/codec.hpp"
#include "wire/store_messages.hpp"

namespace mobula::core {

void tell_fetched(wire::outbox& out, const fetch_asker& who, const copy& here,
                  const local_pins* pins) {
  wire::store_fetched answer;
  answer.token = who.token;
  answer.where = here.name;
  answer.place = here.place;
  answer.as_of = pins ? pins->looks() : 0;
  wire::send(out, who.process, answer);
}

void refuse_fetch(wire::outbox& out, const fetch_asker& who, const wire::error_value& error) {
  const std::vector<std::byte> bytes = encoded(error);
  wire::store_fetched answer;
  answer.token = who.token;
  answer.error = bytes;
  wire::send(out, who.process, answer);
}

}  // namespace mobula::core
