// Values: putting them, and reading those that are ready.

#include <mutex>
#include <vector>

#include "mobula/errors.hpp"
#include "mobula/options.hpp"
#include "runtime/casts.hpp"
#include "runtime/decode_scope.hpp"
#include "runtime/errors.hpp"
#include "runtime/process.hpp"
#include "runtime/refs_inside.hpp"
#include "runtime/store_client.hpp"
#include "wire/codec.hpp"

namespace mobula::detail {

object* put(encoder& value, std::uint64_t deadline_ns) {
  process& home = process::require();
  if (value.size() <= inline_bytes_max) {
    const refs_inside inside{value};
    wire::value_view view;
    view.bytes = value.bytes();
    const std::lock_guard held{home.lock()};
    return opaque(home.owner().put(view, inside.records()));
  }
  const wire::location where = home.store().write(value, deadline_ns);
  const refs_inside inside{value};
  object* made = nullptr;
  {
    const std::lock_guard held{home.lock()};
    made = opaque(home.store().make_object(where, inside.records()));
  }
  home.rest();
  return made;
}

namespace {

// A value that is being read. What is in no store is kept by its record.
store_client::pinned_block value_of(core::object& one, std::uint64_t deadline_ns) {
  switch (one.state.load(std::memory_order_acquire)) {
    case core::object_state::inlined:
      return {{}, one.bytes(), {}};
    case core::object_state::stored:
      for (;;) {
        if (auto read = process::require().store().read(one)) return std::move(*read);
        await(opaque(one), deadline_ns);
      }
    case core::object_state::failed: {
      wire::reader from{one.bytes()};
      throw_error(wire::decode_part<wire::error_value>(from));
    }
    case core::object_state::pending:
      break;
  }
  throw error{"the object is not ready"};
}

struct reading {
  reading(core::object& ready, std::uint64_t deadline_ns)
      : value{value_of(ready, deadline_ns)},
        scope{ready, value.where.size_bytes != 0 ? &value.where : nullptr, deadline_ns} {}
  store_client::pinned_block value;
  decode_scope scope;
};
static_assert(sizeof(reading) <= value_view::scope_bytes);

}  // namespace

value_view::value_view(object* ready, std::uint64_t deadline_ns) : record_{ready}, bytes_{{}} {
  const auto* begun = new (scope_) reading{record_of(ready), deadline_ns};
  bytes_ = decoder{begun->value.bytes};
}

value_view::~value_view() { reinterpret_cast<reading*>(scope_)->~reading(); }

}  // namespace mobula::detail
