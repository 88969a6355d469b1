#pragma once

#include <ucp/api/ucp.h>

#include <cstddef>
#include <string>
#include <vector>

#include "wire/bytes.hpp"

namespace mobula::ucx {

/// A UCX context with one worker, set up for links between nodes: active messages over network
/// transports only, a descriptor to sleep on. Used by one thread at a time.
class endpoint_worker {
 public:
  /// The one active message id in use.
  static constexpr unsigned message_id = 1;

  /// @param rma  whether memory of others is to be read, too
  /// @throws std::runtime_error if UCX finds no usable network
  endpoint_worker(std::size_t nodes_expected, bool rma, ucp_am_recv_callback_t on_frame,
                  void* context);
  ~endpoint_worker();
  endpoint_worker(const endpoint_worker&) = delete;
  endpoint_worker& operator=(const endpoint_worker&) = delete;

  /// What others need to reach it. Names network devices alone, so that no other transport can
  /// ever be chosen, whatever the configuration says.
  std::vector<std::byte> address() const;
  int event_fd() const { return event_fd_; }
  /// False: something happened since the last progress; progress again before sleeping.
  bool arm() { return ucp_worker_arm(worker_) == UCS_OK; }
  bool progress() { return ucp_worker_progress(worker_) != 0; }
  /// An endpoint that reports its peer's death to `on_error`, or null with the reason in `failure`.
  ucp_ep_h connect(wire::blob address, ucp_err_handler_cb_t on_error, void* context,
                   std::string& failure);
  ucp_worker_h handle() { return worker_; }
  ucp_context_h context() { return context_; }

 private:
  void make_context(std::size_t nodes_expected, bool rma);
  void make_worker(ucp_am_recv_callback_t on_frame, void* context);

  ucp_context_h context_ = nullptr;
  ucp_worker_h worker_ = nullptr;
  int event_fd_ = -1;
};

}  // namespace mobula::ucx
