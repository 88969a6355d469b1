#include "transport/ucx/endpoint_worker.hpp"

#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace mobula::ucx {
namespace {

/// Ours in place of UCX's defaults. A user's MOBULA_UCX_<variable> goes before; UCX_<variable> is
/// not read.
struct preference {
  const char* variable;
  /// What ucp_config_modify takes: a transport's own settings without its prefix.
  const char* name;
  const char* value;
};
constexpr std::array<preference, 4> preferences{{
    // Shared memory between nodes would be a wedged receiver after a kill (one FIFO for all
    // senders), and processes of a node have their own rings.
    {"TLS", "TLS", "^sm"},
    // Twice the bandwidth of the default sizes.
    {"TCP_TX_SEG_SIZE", "TX_SEG_SIZE", "64K"},
    {"TCP_RX_SEG_SIZE", "RX_SEG_SIZE", "128K"},
    // UCX gives up TCP in jobs of more nodes than this: 256 by default.
    {"TCP_MAX_NUM_EPS", "MAX_NUM_EPS", "inf"},
}};

const char* users_choice(const char* variable) {
  return std::getenv((std::string("MOBULA_UCX_") + variable).c_str());
}

bool applies(const preference& one) {
  if (users_choice(one.variable) != nullptr) return false;
  // UCX complains about settings of a transport that it was told not to use.
  const char* transports = users_choice("TLS");
  if (transports == nullptr || std::string_view(one.variable).substr(0, 4) != "TCP_") return true;
  const std::string_view chosen{transports};
  return chosen.find("tcp") != chosen.npos || chosen.find("all") != chosen.npos;
}

void require(ucs_status_t status, const char* what) {
  if (status == UCS_OK) return;
  throw std::runtime_error(std::string("UCX could not ") + what + ": " + ucs_status_string(status) +
                           ". Nodes of a job need a network that UCX can use; see ucx_info -d.");
}

}  // namespace

endpoint_worker::endpoint_worker(std::size_t nodes_expected, bool rma,
                                 ucp_am_recv_callback_t on_frame, void* context) {
  make_context(nodes_expected, rma);
  try {
    make_worker(on_frame, context);
  } catch (...) {
    if (worker_ != nullptr) ucp_worker_destroy(worker_);
    ucp_cleanup(context_);
    throw;
  }
}

endpoint_worker::~endpoint_worker() {
  ucp_worker_destroy(worker_);
  ucp_cleanup(context_);
}

void endpoint_worker::make_context(std::size_t nodes_expected, bool rma) {
  ucp_config_t* config = nullptr;
  require(ucp_config_read("MOBULA", nullptr, &config), "read its configuration");
  for (const preference& one : preferences) {
    if (!applies(one)) continue;
    const ucs_status_t status = ucp_config_modify(config, one.name, one.value);
    if (status == UCS_OK) continue;
    ucp_config_release(config);
    require(status, (std::string("set ") + one.variable).c_str());
  }
  ucp_params_t params{};
  params.field_mask =
      UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_ESTIMATED_NUM_EPS | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  if (rma) params.features |= UCP_FEATURE_RMA;
  params.estimated_num_eps = nodes_expected;
  params.name = "mobula";
  const ucs_status_t status = ucp_init(&params, config, &context_);
  ucp_config_release(config);
  require(status, "start");
}

void endpoint_worker::make_worker(ucp_am_recv_callback_t on_frame, void* context) {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE;
  params.thread_mode = UCS_THREAD_MODE_SERIALIZED;
  require(ucp_worker_create(context_, &params, &worker_), "open the network");
  require(ucp_worker_get_efd(worker_, &event_fd_), "make a descriptor to sleep on");

  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS |
                       UCP_AM_HANDLER_PARAM_FIELD_CB | UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = message_id;
  handler.flags = UCP_AM_FLAG_WHOLE_MSG;
  handler.cb = on_frame;
  handler.arg = context;
  require(ucp_worker_set_am_recv_handler(worker_, &handler), "take active messages");
}

std::vector<std::byte> endpoint_worker::address() const {
  ucp_worker_attr_t attributes{};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_ADDRESS | UCP_WORKER_ATTR_FIELD_ADDRESS_FLAGS;
  attributes.address_flags = UCP_WORKER_ADDRESS_FLAG_NET_ONLY;
  require(ucp_worker_query(worker_, &attributes), "tell its address");
  std::vector<std::byte> copy(attributes.address_length);
  std::memcpy(copy.data(), attributes.address, copy.size());
  ucp_worker_release_address(worker_, attributes.address);
  return copy;
}

ucp_ep_h endpoint_worker::connect(wire::blob address, ucp_err_handler_cb_t on_error, void* context,
                                  std::string& failure) {
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(address.data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = on_error;
  params.err_handler.arg = context;
  ucp_ep_h endpoint = nullptr;
  const ucs_status_t status = ucp_ep_create(worker_, &params, &endpoint);
  if (status == UCS_OK) return endpoint;
  failure = ucs_status_string(status);
  return nullptr;
}

}  // namespace mobula::ucx
