#include "transport/ucx/remote_reads.hpp"

#include "wire/invariant.hpp"

namespace mobula::ucx {

remote_reads::~remote_reads() {
  if (in_flight_.empty()) return;
  links_.end_all();
  wire::insist(in_flight_.empty(), "a read over a link that has ended has ended too",
               in_flight_.size());
}

void remote_reads::start(label which, wire::node_id from, std::uint64_t address,
                         std::uint64_t number, wire::blob packed, std::span<std::byte> into,
                         ucp_mem_h local) {
  auto one = std::make_unique<operation>();
  one->home = this;
  one->which = which;
  one->from = from;
  one->address = address;
  one->number = number;
  one->packed.assign(packed.begin(), packed.end());
  one->into = into;
  one->local = local;
  waiting_.push_back(std::move(one));
}

void remote_reads::flush() {
  for (operation_ptr& one : std::exchange(waiting_, {})) begin(std::move(one));
}

void remote_reads::begin(operation_ptr one) {
  ucp_ep_h endpoint = links_.begin_operation(one->from);
  if (endpoint == nullptr) {
    keys_.forget_all_of(one->from);
    ended_.push_back({one->which, false});
    return;
  }
  one->key = keys_.find(one->from, one->number, one->packed, endpoint);
  if (!one->key) return end(*one, false);

  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                       UCP_OP_ATTR_FIELD_MEMORY_TYPE | UCP_OP_ATTR_FIELD_MEMH;
  param.cb.send = &remote_reads::on_done;
  param.user_data = one.get();
  param.memory_type = UCS_MEMORY_TYPE_HOST;
  param.memh = one->local;
  const ucs_status_ptr_t request = ucp_get_nbx(endpoint, one->into.data(), one->into.size(),
                                               one->address, one->key->handle(), &param);
  if (!UCS_PTR_IS_PTR(request)) return end(*one, UCS_PTR_STATUS(request) == UCS_OK);
  in_flight_.insert(one.release());  // comes back through on_done
}

void remote_reads::end(const operation& one, bool succeeded) {
  links_.end_operation(one.from);
  ended_.push_back({one.which, succeeded});
}

void remote_reads::on_done(void* request, ucs_status_t status, void* which) {
  const operation_ptr one{static_cast<operation*>(which)};
  one->home->in_flight_.erase(one.get());
  one->home->end(*one, status == UCS_OK);
  ucp_request_free(request);
}

}  // namespace mobula::ucx
