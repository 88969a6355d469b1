#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "launch/descriptor.hpp"
#include "launch/record_channel.hpp"
#include "launch/start_error.hpp"

namespace mobula::launch {

/// Where the seats of a node meet their scheduler: a Unix socket without a file. Its name is random
/// but not secret (/proc/net/unix shows it); the token is.
struct seat_address {
  std::string name;
  std::string token;

  /// One word, for a broadcast or a start text.
  std::string encode() const { return name + ":" + token; }
  static std::optional<seat_address> decode(std::string_view word);
};

/// The listening end. The node's first rank opens it, tells the address to the other ranks, and
/// hands the descriptor to the scheduler that it starts, so that no seat comes too early.
class seat_door {
 public:
  /// Opens a new one. @throws start_error
  static seat_door open();
  /// One that this process was given.
  seat_door(launch::descriptor listening, seat_address address)
      : listening_{std::move(listening)}, address_{std::move(address)} {}

  int descriptor() const { return listening_.get(); }
  const seat_address& address() const { return address_; }
  /// Who knocked, if he belongs to the same user; does not wait. The token is asked for in his
  /// first record.
  std::optional<record_channel> accept();

 private:
  launch::descriptor listening_;
  seat_address address_;
};

/// Connects to a door. @throws start_error
record_channel knock(const seat_address& at);

/// Letters and digits that nobody can guess. @throws start_error
std::string random_word();

}  // namespace mobula::launch
