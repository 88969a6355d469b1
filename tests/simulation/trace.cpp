#include "simulation/trace.hpp"

#include <sstream>

#include "core/errors.hpp"
#include "wire/codec.hpp"
#include "wire/store_messages.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::sim {
namespace {

std::string named(wire::process_id process) {
  return std::to_string(process.node()) + "." + std::to_string(process.incarnation());
}

/// Writes the fields of a message that are ids or small numbers.
class field_printer {
 public:
  explicit field_printer(std::ostream& out) : out_{out} {}

  void operator()(wire::process_id id) { out_ << ' ' << named(id); }
  template <class Kind>
  void operator()(const wire::owned_id<Kind>& id) {
    out_ << ' ' << named(id.owner()) << '/' << (id.sequence() & 0xfffffff) << '.'
         << (id.sequence() >> 28) << '/' << id.index();
  }
  void operator()(wire::lease_id id) { out_ << " lease " << named(id.granter) << '#' << id.number; }
  void operator()(wire::blob bytes) {
    if (bytes.empty() || bytes.size() % 16 != 0 || bytes.size() > 160) {
      out_ << " (" << bytes.size() << " bytes)";
      return;
    }
    const wire::id_list ids{bytes};
    out_ << " [";
    for (std::size_t i = 0; i < ids.size(); ++i) (*this)(ids[i]);
    out_ << " ]";
  }
  template <class Other>
  void operator()(const Other& field) {
    if constexpr (std::is_enum_v<Other>) {
      out_ << " e" << static_cast<int>(field);
    } else if constexpr (std::is_arithmetic_v<Other>) {
      out_ << ' ' << +field;
    } else {
      out_ << " ..";
    }
  }

 private:
  std::ostream& out_;
};

template <class Message>
bool describe_as(const char* name, wire::blob bytes, std::ostream& out) {
  const auto message = wire::decode<Message>(bytes);
  if (!message) return false;
  out << name;
  field_printer print{out};
  Message::fields(print, *message);
  return true;
}

}  // namespace

std::string described(wire::process_id from, wire::process_id to, wire::blob message) {
  std::ostringstream out;
  out << named(from) << " -> " << named(to) << ' ';
#define MOBULA_TRY(Message) describe_as<wire::Message>(#Message, message, out) ||
  const bool known = MOBULA_TRY(task_push) MOBULA_TRY(actor_call) MOBULA_TRY(task_done) MOBULA_TRY(
      task_return) MOBULA_TRY(task_reclaim) MOBULA_TRY(actor_end) MOBULA_TRY(lease_request)
      MOBULA_TRY(lease_update) MOBULA_TRY(lease_queued) MOBULA_TRY(lease_grant) MOBULA_TRY(
          lease_refuse) MOBULA_TRY(lease_return) MOBULA_TRY(lease_recall) MOBULA_TRY(lease_lost)
          MOBULA_TRY(lease_revoke) MOBULA_TRY(lease_over) MOBULA_TRY(cpus_lend)
              MOBULA_TRY(cpus_claim) MOBULA_TRY(cpus_grant) MOBULA_TRY(worker_retire)
                  MOBULA_TRY(object_subscribe) MOBULA_TRY(object_ready) MOBULA_TRY(borrow_add)
                      MOBULA_TRY(borrow_ack) MOBULA_TRY(borrow_release) MOBULA_TRY(store_allocate)
                          MOBULA_TRY(store_grant) MOBULA_TRY(store_free) MOBULA_TRY(store_fetch)
                              MOBULA_TRY(store_fetched) MOBULA_TRY(store_made)
                                  MOBULA_TRY(store_sealed) MOBULA_TRY(store_orphan)
                                      MOBULA_TRY(store_return) MOBULA_TRY(store_freed)
                                          MOBULA_TRY(store_query) MOBULA_TRY(store_reply)
                                              MOBULA_TRY(replica_add) MOBULA_TRY(process_ended)
                                                  MOBULA_TRY(wait_query)
                                                      MOBULA_TRY(wait_reply) false;
#undef MOBULA_TRY
  if (message.empty()) {
    out << "closed";
  } else if (!known)
    out << "type " << static_cast<int>(wire::type_of(message));
  return out.str();
}

}  // namespace mobula::sim
