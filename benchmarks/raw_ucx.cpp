// What UCX costs between two processes over the network transports that nodes use (on one machine:
// TCP on the loopback device), bare and through mobula::ucx::links.
//
//   raw/round_trip/<bytes>       one active message there and one back, both sides polling
//   raw/one_way/<n>              active messages of n messages of 64 bytes each
//   links/round_trip, links/one_way    the same through links: 64 bytes, batched as they come

#include <benchmark/benchmark.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "transport/ucx/endpoint_worker.hpp"
#include "transport/ucx/links.hpp"

namespace {

using namespace mobula;
using clock_type = std::chrono::steady_clock;

constexpr std::uint64_t token = 1;
constexpr std::size_t message_bytes = 64;
constexpr int spins_before_sleep = 20'000;

/// What the first byte of a message asks of its receiver.
enum class wish : std::uint8_t { nothing, echo, acknowledge, answer };

std::vector<std::byte> swap_addresses(int socket, const std::vector<std::byte>& mine) {
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
      : worker_{2, &raw_side::on_frame, this}, buffer_(std::size_t{1} << 20) {
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
    if (what == wish::acknowledge) mine.send(wish::answer, message_bytes);
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
      : self_{self}, peer_{static_cast<wire::node_id>(1 - self)}, links_{self, token} {
    std::vector<std::vector<std::byte>> addresses(2);
    addresses[self_] = links_.address();
    addresses[peer_] = swap_addresses(socket, addresses[self_]);
    links_.set_addresses(std::move(addresses));
  }

  void send(wish what) {
    std::byte* room = links_.begin(peer_, {self_, 2}, {peer_, 2}, message_bytes);
    std::memset(room, 0, message_bytes);
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

/// Starts a process that runs `body` with its end of a socket. Before any use of UCX: a fork
/// would not take its threads along.
int start_partner(const std::function<void(int)>& body) {
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
  return ends[0];
}

int raw_socket = -1;
int linked_socket = -1;

raw_side& raw() {
  static raw_side* const side = new raw_side{raw_socket};
  return *side;
}
linked_side& linked() {
  static linked_side* const side = new linked_side{linked_socket, 0};
  return *side;
}

template <class Action>
void timed(benchmark::State& state, const Action& action) {
  const auto start = clock_type::now();
  action();
  state.SetIterationTime(std::chrono::duration<double>(clock_type::now() - start).count());
}

// ---- what is measured

void raw_round_trip(benchmark::State& state) {
  raw_side& side = raw();
  for (auto _ : state) {
    timed(state, [&] {
      side.send(wish::echo, static_cast<std::size_t>(state.range(0)));
      side.await_answer();
    });
  }
}

void raw_one_way(benchmark::State& state) {
  raw_side& side = raw();
  constexpr int frames = 1000;
  const std::size_t size = static_cast<std::size_t>(state.range(0)) * message_bytes;
  for (auto _ : state) {
    timed(state, [&] {
      for (int i = 1; i < frames; ++i) side.send(wish::nothing, size);
      side.send(wish::acknowledge, size);
      side.await_answer();
    });
  }
  state.SetItemsProcessed(state.iterations() * frames * state.range(0));
}

void links_round_trip(benchmark::State& state) {
  linked_side& side = linked();
  for (auto _ : state) {
    timed(state, [&] {
      side.send(wish::echo);
      side.flush();
      side.await_answer();
    });
  }
}

void links_one_way(benchmark::State& state) {
  linked_side& side = linked();
  constexpr int messages = 100'000;
  for (auto _ : state) {
    timed(state, [&] {
      for (int i = 1; i < messages; ++i) {
        side.send(wish::nothing);
        if (i % static_cast<int>(state.range(0)) == 0) side.flush();
        while (side.backlog_bytes() > std::size_t{4} << 20) side.progress();
      }
      side.send(wish::acknowledge);
      side.flush();
      side.await_answer();
    });
  }
  state.SetItemsProcessed(state.iterations() * messages);
}

BENCHMARK(raw_round_trip)->Name("raw/round_trip")->Arg(64)->Arg(4096)->UseManualTime();
BENCHMARK(raw_one_way)->Name("raw/one_way")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseManualTime();
BENCHMARK(links_round_trip)->Name("links/round_trip")->UseManualTime();
BENCHMARK(links_one_way)
    ->Name("links/one_way")
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->Arg(256)
    ->UseManualTime();

}  // namespace

int main(int argc, char** argv) {
  raw_socket = start_partner([](int socket) { serve(std::make_unique<raw_side>(socket)); });
  linked_socket = start_partner(
      [](int socket) { serve(std::make_unique<linked_side>(socket, wire::node_id{1})); });
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  // Without tearing UCX down: the partners end with this process.
  std::fflush(nullptr);
  std::_Exit(0);
}
