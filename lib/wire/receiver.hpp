#pragma once

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::wire {

/// Who takes what a transport brings. Called from the transport's poll, under the process's lock.
///
/// For each peer: its messages in the order in which it sent them, each at most once, then
/// `on_closed`, last. A handler may send; it never blocks and never polls.
class receiver {
 public:
  /// @param message  the transport's memory: gone when this returns
  virtual void on_message(process_id from, blob message) = 0;
  /// The peer has ended, and nothing of it is left to deliver.
  virtual void on_closed(process_id peer) = 0;

 protected:
  ~receiver() = default;
};

}  // namespace mobula::wire
