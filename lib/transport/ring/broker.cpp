#include "transport/ring/broker.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "transport/ring/budget.hpp"

namespace mobula::ring {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

std::string random_name() {
  std::array<std::uint64_t, 2> bits{};
  if (::getrandom(bits.data(), sizeof bits, 0) != static_cast<ssize_t>(sizeof bits)) {
    refuse("random name for the node's socket");
  }
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "mobula-%016llx%016llx",
                static_cast<unsigned long long>(bits[0]), static_cast<unsigned long long>(bits[1]));
  return text.data();
}

descriptor copy_of(int number) { return descriptor{::fcntl(number, F_DUPFD_CLOEXEC, 3)}; }

}  // namespace

broker::broker(hub& own, std::uint64_t job_token)
    : own_{own},
      job_token_{job_token},
      name_{random_name()},
      listener_{listen_on(name_)},
      events_{::epoll_create1(EPOLL_CLOEXEC)} {
  if (!listener_ || !events_) refuse("the node's socket");
  watch(listener_.number());
}

void broker::watch(int socket) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = socket;
  if (::epoll_ctl(events_.number(), EPOLL_CTL_ADD, socket, &event) != 0) {
    refuse("watching the node's socket");
  }
}

void broker::serve(broker_observer& observer) {
  std::array<epoll_event, 64> ready{};
  const int count = ::epoll_wait(events_.number(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const int socket = ready[static_cast<std::size_t>(i)].data.fd;
    if (socket == listener_.number()) {
      accept_all();
      continue;
    }
    const auto found = connections_.find(socket);
    if (found == connections_.end() || serve_one(found->second, observer)) continue;
    const wire::process_id process = found->second.process;
    connections_.erase(found);
    if (process) observer.on_disconnected(process);
  }
}

void broker::accept_all() {
  for (;;) {
    descriptor socket{
        ::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) return;
    if (!same_user(socket.number())) {
      ++refused_;
      continue;
    }
    const int number = socket.number();
    watch(number);
    connections_.insert_or_assign(number, connection{std::move(socket), {}});
  }
}

bool broker::serve_one(connection& from, broker_observer& observer) {
  question asked;
  packet got = receive_packet(from.socket.number(), &asked, sizeof asked);
  if (got.size < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
  if (got.size == 0) return false;
  if (got.size != static_cast<long>(sizeof asked) || asked.magic != question::magic_value ||
      asked.job_token != job_token_) {
    ++refused_;
    return false;
  }
  return answer(from, asked, std::move(got.first), observer);
}

bool broker::answer(connection& from, const question& asked, descriptor memory,
                    broker_observer& observer) {
  const int socket = from.socket.number();
  reply said;
  if (asked.kind == question_kind::join) {
    const auto process = wire::process_id::from_bits(asked.number);
    peer_arena theirs{std::move(memory), descriptor{}, process};
    const join_refusal refusal = admit(from, process, theirs);
    said.kind = static_cast<std::uint32_t>(refusal);
    if (refusal != join_refusal::none) {
      ++refused_;
      send_packet(socket, &said, sizeof said);
      return false;
    }
    from.process = process;
    members_[process] = std::move(theirs);
    if (!send_packet(socket, &said, sizeof said, own_.memory().memory(), own_.event())) {
      members_.erase(process);
      from.process = {};
      return false;
    }
    observer.on_joined(process);
    return true;
  }
  descriptor_answer found;
  const bool of_arena = asked.kind == question_kind::arena;
  if (of_arena) {
    found = arena_of(wire::process_id::from_bits(asked.number));
  } else if (const auto named = published_.find(asked.number); named != published_.end()) {
    found = {answer_kind::found, copy_of(named->second.number())};
  }
  said.kind = static_cast<std::uint32_t>(found.kind);
  const bool sent = send_packet(socket, &said, sizeof said, found.found.number());
  if (of_arena) wake({own_.process().node(), asked.asker});
  return sent;
}

void broker::wake(wire::process_id process) {
  if (const auto found = members_.find(process); found != members_.end()) found->second.wake();
}

join_refusal broker::admit(const connection& from, wire::process_id process,
                           const peer_arena& memory) {
  if (process.node() != own_.process().node() || process.is_scheduler() || !process) {
    return join_refusal::not_of_this_node;
  }
  if (from.process || members_.contains(process)) return join_refusal::joined_already;
  // Slot 0 of the scheduler's arena is nobody's.
  if (members_.size() + 1 >= slots_of_scheduler) return join_refusal::too_many;
  if (!memory) return join_refusal::no_arena;
  return join_refusal::none;
}

bool broker::publish(std::uint64_t number, int what) {
  descriptor copy = copy_of(what);
  if (!copy) return false;
  published_.insert_or_assign(number, std::move(copy));
  return true;
}

void broker::forget(wire::process_id ended) {
  const auto found = members_.find(ended);
  if (found == members_.end()) return;
  budget{found->second.header(), own_.memory().header()}.close();
  members_.erase(found);
}

std::optional<arena_answer> broker::next_arena() {
  if (arenas_.empty()) return std::nullopt;
  arena_answer first = std::move(arenas_.front());
  arenas_.pop_front();
  return first;
}

descriptor_answer broker::arena_of(wire::process_id process) const {
  const auto found = members_.find(process);
  if (found == members_.end()) return {};
  descriptor copy = copy_of(found->second.memory());
  if (!copy) return {};
  return {answer_kind::found, std::move(copy)};
}

std::vector<broker::pin_page> broker::pin_pages() const {
  std::vector<pin_page> pages;
  for (const auto& [process, memory] : members_) pages.push_back({process, memory.pins()});
  return pages;
}

bool broker::read_board(wire::process_id process, std::span<std::byte, board_bytes> page) const {
  const auto found = members_.find(process);
  return found != members_.end() && ::pread(found->second.memory(), page.data(), page.size(),
                                            board_offset) == static_cast<ssize_t>(page.size());
}

}  // namespace mobula::ring
