#include "transport/ring/socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mobula::ring {

namespace {

constexpr std::size_t descriptors_max = 2;

struct address {
  sockaddr_un unix_address{};
  socklen_t size = 0;

  explicit address(std::string_view name) {
    unix_address.sun_family = AF_UNIX;
    // A leading 0: abstract, so no file is left behind.
    const std::size_t used = std::min(name.size(), sizeof unix_address.sun_path - 1);
    std::memcpy(unix_address.sun_path + 1, name.data(), used);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + used);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&unix_address); }
};

union control_room {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int) * descriptors_max)];
};

}  // namespace

bool send_packet(int socket, const void* bytes, std::size_t size, int first, int second) {
  iovec piece{const_cast<void*>(bytes), size};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  control_room room{};
  if (first >= 0) {
    const int numbers[descriptors_max] = {first, second};
    const std::size_t length = sizeof(int) * (second >= 0 ? 2 : 1);
    message.msg_control = room.bytes;
    message.msg_controllen = CMSG_SPACE(length);
    cmsghdr* const control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(length);
    std::memcpy(CMSG_DATA(control), numbers, length);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

packet receive_packet(int socket, void* bytes, std::size_t size) {
  iovec piece{bytes, size};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  control_room room{};
  message.msg_control = room.bytes;
  message.msg_controllen = sizeof room.bytes;
  packet got;
  do {
    got.size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got.size < 0 && errno == EINTR);
  if (got.size < 0) return got;
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    int numbers[descriptors_max] = {-1, -1};
    const std::size_t length = control->cmsg_len - CMSG_LEN(0);
    std::memcpy(numbers, CMSG_DATA(control), std::min(length, sizeof numbers));
    got.first = descriptor{numbers[0]};
    got.second = descriptor{numbers[1]};
  }
  return got;
}

std::optional<descriptor_answer> receive_answer(int socket) {
  reply said;
  packet got = receive_packet(socket, &said, sizeof said);
  if (got.size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  if (got.size != static_cast<long>(sizeof said) || !got.first ||
      said.kind != static_cast<std::uint32_t>(answer_kind::found)) {
    return descriptor_answer{};
  }
  return descriptor_answer{answer_kind::found, std::move(got.first)};
}

descriptor listen_on(std::string_view name) {
  descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const address where{name};
  if (!socket || ::bind(socket.number(), where.get(), where.size) != 0 ||
      ::listen(socket.number(), SOMAXCONN) != 0) {
    return {};
  }
  return socket;
}

descriptor connect_to(std::string_view name) {
  descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  const address where{name};
  if (!socket) return {};
  int failed = 0;
  do {
    failed = ::connect(socket.number(), where.get(), where.size);
  } while (failed != 0 && errno == EINTR);
  if (failed != 0) return {};
  return socket;
}

bool make_nonblocking(int socket) {
  const int flags = ::fcntl(socket, F_GETFL);
  return flags >= 0 && ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

}  // namespace mobula::ring
