#include "launch/record_channel.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace mobula::launch {

namespace {

/// Room for one descriptor that travels with a record.
union control_room {
  cmsghdr aligned;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

record_channel::sending record_channel::try_send(const record& one) {
  iovec part{const_cast<char*>(one.bytes.data()), one.bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  control_room control{};
  if (one.with) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = one.with.get();
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  const bool no_room = sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS);
  return no_room ? sending::no_room : sending::done;
}

void record_channel::send(record one) {
  if (kept_.empty() && try_send(one) == sending::done) return;
  kept_.push_back(std::move(one));
}

void record_channel::flush() {
  while (!kept_.empty() && try_send(kept_.front()) == sending::done) kept_.pop_front();
}

record_channel::outcome record_channel::receive(record& into) {
  into.bytes.resize(record_bytes_max);
  into.with.close();
  iovec part{into.bytes.data(), into.bytes.size()};
  control_room control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return outcome::nothing;
  // Nobody sends empty records.
  if (got <= 0) return outcome::closed;
  into.bytes.resize(static_cast<std::size_t>(got));
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
      header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    into.with = launch::descriptor{number};
  }
  return outcome::got;
}

}  // namespace mobula::launch
