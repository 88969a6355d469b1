#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "common/ucx_pair.hpp"

// A process that reads another one's memory with bare ucp_get, with the settings that links have.

namespace mobula::benchmarks {

constexpr std::size_t shown_bytes = std::size_t{1} << 30;

inline std::byte* warm_memory(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) std::abort();
  std::memset(memory, 7, size);
  return static_cast<std::byte*>(memory);
}

class get_side {
 public:
  /// @param shows  whether the other side reads here, or this one there
  get_side(int socket, bool shows)
      : worker_{2, true, &get_side::on_frame, this}, memory_{warm_memory(shown_bytes)} {
    peer_address_ = swap_addresses(socket, worker_.address());
    std::string failure;
    peer_ = worker_.connect(
        peer_address_, [](void*, ucp_ep_h, ucs_status_t) { std::_Exit(0); }, this, failure);
    if (peer_ == nullptr) std::abort();
    ucp_mem_map_params_t params{};
    params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH;
    params.address = memory_;
    params.length = shown_bytes;
    if (ucp_mem_map(worker_.context(), &params, &registered_) != UCS_OK) std::abort();
    void* packed = nullptr;
    std::size_t size = 0;
    if (ucp_rkey_pack(worker_.context(), registered_, &packed, &size) != UCS_OK) std::abort();
    std::vector<std::byte> mine(sizeof memory_ + size);
    std::memcpy(mine.data(), &memory_, sizeof memory_);
    std::memcpy(mine.data() + sizeof memory_, packed, size);
    const auto theirs = swap_addresses(socket, mine);
    std::memcpy(&there_, theirs.data(), sizeof there_);
    if (!shows && ucp_ep_rkey_unpack(peer_, theirs.data() + sizeof there_, &key_) != UCS_OK)
      std::abort();
  }

  /// So many reads of so much each, one after the other in memory, so many at a time.
  void read(std::size_t count, std::size_t size, std::size_t at_once) {
    std::size_t begun = 0;
    ended_ = 0;
    while (ended_ < count) {
      while (begun < count && begun - ended_ < at_once) start(begun++ * size % shown_bytes, size);
      worker_.progress();
    }
  }
  bool progress() { return worker_.progress(); }
  bool arm() { return worker_.arm(); }
  int event_fd() const { return worker_.event_fd(); }

 private:
  static ucs_status_t on_frame(void*, const void*, std::size_t, void*, std::size_t,
                               const ucp_am_recv_param_t*) {
    return UCS_OK;
  }
  void start(std::size_t offset, std::size_t size) {
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                         UCP_OP_ATTR_FIELD_MEMORY_TYPE | UCP_OP_ATTR_FIELD_MEMH;
    param.cb.send = [](void* request, ucs_status_t status, void* self) {
      if (status != UCS_OK) std::abort();
      ++static_cast<get_side*>(self)->ended_;
      ucp_request_free(request);
    };
    param.user_data = this;
    param.memory_type = UCS_MEMORY_TYPE_HOST;
    param.memh = registered_;
    const ucs_status_ptr_t request =
        ucp_get_nbx(peer_, memory_ + offset, size, there_ + offset, key_, &param);
    if (UCS_PTR_IS_ERR(request)) std::abort();
    if (request == nullptr) ++ended_;
  }

  ucx::endpoint_worker worker_;
  std::byte* memory_;
  std::vector<std::byte> peer_address_;
  ucp_ep_h peer_ = nullptr;
  ucp_mem_h registered_ = nullptr;
  std::uint64_t there_ = 0;
  ucp_rkey_h key_ = nullptr;
  std::size_t ended_ = 0;
};

/// The pair. Made before any other use of UCX; set up by its first use.
class get_pair {
 public:
  get_pair()
      : partner_{
            start_partner([](int socket) { serve(std::make_unique<get_side>(socket, true)); })} {}
  get_side& reader() {
    if (!reader_) reader_ = new get_side{partner_.socket, false};
    return *reader_;
  }
  /// Whose memory is read.
  int holder() const { return partner_.process; }

 private:
  partner partner_;
  get_side* reader_ = nullptr;  // never torn down: the partner ends with this process
};

/// @param operations  what a round counts as
inline void raw_ucx_get(benchmark::State& state, get_pair& pair, std::size_t count,
                        std::size_t size, std::size_t at_once, std::size_t operations) {
  get_side& side = pair.reader();
  side.read(count, size, at_once);
  const std::uint64_t used_here = processor_ns(::getpid());
  const std::uint64_t used_there = processor_ns(pair.holder());
  time_each(state, operations, [&] { side.read(count, size, at_once); });
  const auto bytes = static_cast<double>(state.iterations()) * static_cast<double>(count) *
                     static_cast<double>(size);
  const auto each = [bytes](std::uint64_t ns) { return static_cast<double>(ns) / bytes; };
  state.counters["processor_here_s_per_GB"] = each(processor_ns(::getpid()) - used_here);
  state.counters["processor_there_s_per_GB"] = each(processor_ns(pair.holder()) - used_there);
}

}  // namespace mobula::benchmarks
