#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/timings.hpp"
#include "transport/ucx/endpoint_worker.hpp"
#include "transport/ucx/links.hpp"

// Two processes that talk over the network transports that nodes use (on one machine: TCP on the
// loopback device), bare and through ucx::links. The other process is forked.

namespace mobula::benchmarks {

constexpr std::uint64_t ucx_token = 1;
constexpr std::size_t ucx_message_bytes = 64;
constexpr int spins_before_sleep = 20'000;

/// What the first byte of a message asks of its receiver.
enum class wish : std::uint8_t { nothing, echo, acknowledge, answer };

inline std::vector<std::byte> swap_addresses(int socket, const std::vector<std::byte>& mine) {
  std::array<std::byte, 4096> room;
  if (::send(socket, mine.data(), mine.size(), 0) < 0) std::abort();
  const ssize_t got = ::recv(socket, room.data(), room.size(), 0);
  if (got <= 0) ::_exit(0);  // the other side never wanted this one
  return {room.begin(), room.begin() + got};
}

// ---- bare

class raw_side {
 public:
  explicit raw_side(int socket)
      : worker_{2, true, &raw_side::on_frame, this}, buffer_(std::size_t{1} << 20) {
    peer_address_ = swap_addresses(socket, worker_.address());
    std::string failure;
    peer_ = worker_.connect(
        peer_address_, [](void*, ucp_ep_h, ucs_status_t) { std::_Exit(0); }, this, failure);
    if (peer_ == nullptr) std::abort();
  }

  void send(wish what, std::size_t size) {
    // Nobody but the first byte is looked at, so a buffer for each wish may be sent again at once.
    std::byte* bytes = buffer_.data() + static_cast<std::size_t>(what) * (buffer_.size() / 4);
    bytes[0] = static_cast<std::byte>(what);
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_AM_SEND_FLAG_EAGER;
    void* request =
        ucp_am_send_nbx(peer_, ucx::endpoint_worker::message_id, nullptr, 0, bytes, size, &param);
    if (UCS_PTR_IS_ERR(request)) std::abort();
    if (!UCS_PTR_IS_PTR(request)) return;
    if (answering_) return ucp_request_free(request);
    while (ucp_request_check_status(request) == UCS_INPROGRESS) worker_.progress();
    ucp_request_free(request);
  }
  void await_answer() {
    const std::uint64_t before = answers_++;
    while (answered_ <= before) worker_.progress();
  }
  bool progress() { return worker_.progress(); }
  bool arm() { return worker_.arm(); }
  int event_fd() const { return worker_.event_fd(); }

 private:
  static ucs_status_t on_frame(void* self, const void*, std::size_t, void* body, std::size_t size,
                               const ucp_am_recv_param_t*) {
    raw_side& mine = *static_cast<raw_side*>(self);
    const auto what = static_cast<wish>(*static_cast<const std::uint8_t*>(body));
    mine.answering_ = true;
    if (what == wish::echo) mine.send(wish::answer, size);
    if (what == wish::acknowledge) mine.send(wish::answer, ucx_message_bytes);
    if (what == wish::answer) ++mine.answered_;
    mine.answering_ = false;
    return UCS_OK;
  }

  ucx::endpoint_worker worker_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> peer_address_;
  ucp_ep_h peer_ = nullptr;
  bool answering_ = false;
  std::uint64_t answers_ = 0;
  std::uint64_t answered_ = 0;
};

// ---- through links

class linked_side final : public ucx::node_receiver {
 public:
  linked_side(int socket, wire::node_id self)
      : self_{self}, peer_{static_cast<wire::node_id>(1 - self)}, links_{self, ucx_token} {
    std::vector<std::vector<std::byte>> addresses(2);
    addresses[self_] = links_.address();
    addresses[peer_] = swap_addresses(socket, addresses[self_]);
    links_.set_addresses(std::move(addresses));
  }

  void send(wish what) {
    std::byte* room = links_.begin(peer_, {self_, 2}, {peer_, 2}, ucx_message_bytes);
    std::memset(room, 0, ucx_message_bytes);
    room[0] = static_cast<std::byte>(what);
    links_.commit();
  }
  void flush() { links_.flush(); }
  void await_answer() {
    const std::uint64_t before = answers_++;
    while (answered_ <= before) links_.poll(*this);
  }
  std::size_t backlog_bytes() const { return links_.backlog_bytes(peer_); }
  bool progress() { return links_.poll(*this) != 0; }
  bool arm() { return links_.arm(); }
  int event_fd() const { return links_.event_fd(); }

  void on_message(wire::process_id, wire::process_id, wire::blob message) override {
    const auto what = static_cast<wish>(message[0]);
    if (what == wish::echo || what == wish::acknowledge) send(wish::answer);
    if (what == wish::answer) ++answered_;
  }
  void on_link_down(wire::node_id) override { std::_Exit(0); }

 private:
  wire::node_id self_;
  wire::node_id peer_;
  ucx::links links_;
  std::uint64_t answers_ = 0;
  std::uint64_t answered_ = 0;
};

// ---- the partner

template <class Side>
[[noreturn]] void serve(Side side) {
  for (;;) {
    int idle = 0;
    while (idle < spins_before_sleep) idle = side->progress() ? 0 : idle + 1;
    if (!side->arm()) continue;
    pollfd waited{side->event_fd(), POLLIN, 0};
    ::poll(&waited, 1, -1);
  }
}

struct partner {
  int socket = -1;
  pid_t process = 0;
};

/// Starts a process that runs `body` with its end of a socket. Before any use of UCX: a fork
/// would not take its threads along.
inline partner start_partner(const std::function<void(int)>& body) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()) != 0) std::abort();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    // Not a byte is set up for a benchmark that was not asked for.
    pollfd asked{ends[1], POLLIN, 0};
    ::poll(&asked, 1, -1);
    body(ends[1]);
  }
  ::close(ends[1]);
  return {ends[0], pid};
}

/// The two pairs. Made before any other use of UCX; set up by their first use.
class ucx_pairs {
 public:
  ucx_pairs()
      : raw_partner_{start_partner([](int socket) { serve(std::make_unique<raw_side>(socket)); })},
        linked_partner_{start_partner(
            [](int socket) { serve(std::make_unique<linked_side>(socket, wire::node_id{1})); })} {}

  raw_side& raw() {
    if (!raw_) raw_ = new raw_side{raw_partner_.socket};
    return *raw_;
  }
  linked_side& linked() {
    if (!linked_) linked_ = new linked_side{linked_partner_.socket, 0};
    return *linked_;
  }

 private:
  partner raw_partner_;
  partner linked_partner_;
  // Never torn down: the partners end with this process.
  raw_side* raw_ = nullptr;
  linked_side* linked_ = nullptr;
};

inline void raw_ucx_round_trip(benchmark::State& state, raw_side& side, std::size_t size) {
  time_each(state, 1, [&] {
    side.send(wish::echo, size);
    side.await_answer();
  });
}

/// Active messages that hold so many messages of 64 bytes each.
inline void raw_ucx_one_way(benchmark::State& state, raw_side& side, std::size_t messages) {
  constexpr int frames = 1000;
  const std::size_t size = messages * ucx_message_bytes;
  time_each(state, frames * messages, [&] {
    for (int i = 1; i < frames; ++i) side.send(wish::nothing, size);
    side.send(wish::acknowledge, size);
    side.await_answer();
  });
}

inline void links_round_trip(benchmark::State& state, linked_side& side) {
  time_each(state, 1, [&] {
    side.send(wish::echo);
    side.flush();
    side.await_answer();
  });
}

inline void links_one_way(benchmark::State& state, linked_side& side, int between_flushes) {
  constexpr int messages = 100'000;
  time_each(state, messages, [&] {
    for (int i = 1; i < messages; ++i) {
      side.send(wish::nothing);
      if (i % between_flushes == 0) side.flush();
      while (side.backlog_bytes() > std::size_t{4} << 20) side.progress();
    }
    side.send(wish::acknowledge);
    side.flush();
    side.await_answer();
  });
}

}  // namespace mobula::benchmarks
