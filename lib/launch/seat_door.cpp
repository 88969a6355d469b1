#include "launch/seat_door.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace mobula::launch {

namespace {

[[noreturn]] void refuse(const char* what) {
  throw start_error{std::string{"the ranks of this node can't meet: "} + what + ": " +
                    std::strerror(errno)};
}

descriptor new_socket(int flags) {
  descriptor socket{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0)};
  if (!socket) refuse("socket");
  return socket;
}

/// A name that begins with a zero byte is in no file system. @returns its length
socklen_t abstract_address(const std::string& name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(name.size(), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path + 1, name.data(), length);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
}

bool is_same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
         peer.uid == ::geteuid();
}

}  // namespace

std::string random_word() {
  std::array<unsigned char, 16> bytes;
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    refuse("getrandom");
  }
  std::string word;
  for (const unsigned char byte : bytes) {
    word += "0123456789abcdef"[byte >> 4];
    word += "0123456789abcdef"[byte & 15];
  }
  return word;
}

std::optional<seat_address> seat_address::decode(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon + 1 == word.size()) {
    return std::nullopt;
  }
  return seat_address{std::string{word.substr(0, colon)}, std::string{word.substr(colon + 1)}};
}

seat_door seat_door::open() {
  seat_address address{"mobula-" + random_word(), random_word()};
  launch::descriptor socket = new_socket(SOCK_NONBLOCK);
  sockaddr_un where;
  const socklen_t length = abstract_address(address.name, where);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), length) != 0) refuse("bind");
  // All ranks of a big node may come at once; the kernel cuts it to its own limit.
  if (::listen(socket.get(), 1024) != 0) refuse("listen");
  return {std::move(socket), std::move(address)};
}

std::optional<record_channel> seat_door::accept() {
  for (;;) {
    launch::descriptor socket{
        ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!socket) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return std::nullopt;
    }
    if (is_same_user(socket.get())) return record_channel{std::move(socket)};
  }
}

record_channel knock(const seat_address& at) {
  // Waits where many knock at once; only records afterwards must not block.
  descriptor socket = new_socket(0);
  sockaddr_un where;
  const socklen_t length = abstract_address(at.name, where);
  int result = 0;
  do {
    result = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), length);
  } while (result != 0 && errno == EINTR);
  if (result != 0) refuse("connect");
  if (!is_same_user(socket.get())) {
    errno = EPERM;
    refuse("another user's process listens");
  }
  if (::fcntl(socket.get(), F_SETFL, O_NONBLOCK) != 0) refuse("fcntl");
  return record_channel{std::move(socket)};
}

}  // namespace mobula::launch
