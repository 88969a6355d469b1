#pragma once

#include <cstddef>

#include "wire/ids.hpp"

namespace mobula::wire {

/// Where a state machine's messages go. A transport is one; so is a test's recorder.
///
/// Sending never blocks, never fails and never calls back: what can't travel at once is kept by the
/// transport, in order. A message to a process that has ended is dropped there. Not thread-safe:
/// the owner of the state machine holds its process's lock.
class outbox {
 public:
  /// Room for one message of exactly `size` bytes to `to`. Ends with `commit`; no other call of
  /// this outbox may come between.
  virtual std::byte* begin(process_id to, std::size_t size) = 0;
  /// The message is whole and may travel; it need not before the transport's next flush.
  virtual void commit() = 0;

 protected:
  ~outbox() = default;
};

}  // namespace mobula::wire
