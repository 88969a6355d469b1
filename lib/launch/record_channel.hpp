#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "launch/descriptor.hpp"

namespace mobula::launch {

/// One end of a connection that carries whole records, each with a descriptor if need be. Never
/// blocks: records that find no room wait here for `flush`.
class record_channel {
 public:
  struct record {
    std::string bytes;
    launch::descriptor with;
  };
  enum class outcome : std::uint8_t { got, nothing, closed };

  static constexpr std::size_t record_bytes_max = std::size_t{64} << 10;

  /// @param socket  a connected SOCK_SEQPACKET socket that does not block
  explicit record_channel(launch::descriptor socket) : socket_{std::move(socket)} {}

  int descriptor() const { return socket_.get(); }
  /// Sends, or keeps. If the other end is gone the record is dropped; `receive` tells so.
  void send(record one);
  /// Sends what was kept, as far as there is room.
  void flush();
  /// Whether something was kept: wait for the socket to become writable, then flush.
  bool keeps_some() const { return !kept_.empty(); }
  outcome receive(record& into);

 private:
  enum class sending : std::uint8_t { done, no_room };
  sending try_send(const record& one);
  launch::descriptor socket_;
  std::deque<record> kept_;
};

}  // namespace mobula::launch
