#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// What a transport with RMA does for the directory: lets other nodes read blocks of this node's
/// store, and reads theirs into it. Addresses and keys mean something to transports only.
///
/// None of it blocks or calls back. What `start` began ends with directory::on_remote_read, always,
/// later, and only when nothing writes into this node's memory for it any more.
class remote_memory {
 public:
  struct exposure {
    std::uint64_t address = 0;
    std::uint64_t key = 0;
    wire::blob key_bytes;  // until the next call
  };
  /// Makes the block readable to that node until `conceal`, as often as it was exposed. Nothing: it
  /// can't be for now, and is to be read by messages.
  virtual std::optional<exposure> expose(const wire::location& block, wire::node_id reader) = 0;
  virtual void conceal(const wire::location& block) = 0;

  struct read {
    std::uint64_t token = 0;  // and `offset`: come back with its end
    wire::node_id from = 0;
    std::uint64_t address = 0;
    std::uint64_t key = 0;
    wire::blob key_bytes;  // copied if they are needed later
    wire::location into;   // a block of this node
    std::uint64_t offset = 0;
    std::size_t size_bytes = 0;
  };
  /// False: it can't be read so for now, and nothing was begun.
  virtual bool start(const read& how) = 0;

  /// Keys that were withdrawn since the last call, each for every node that it was given to. None
  /// of them has a block exposed.
  struct revoked_key {
    wire::node_id reader = 0;
    std::uint64_t key = 0;
  };
  virtual std::vector<revoked_key> take_revoked() = 0;
  /// `holder` has withdrawn that key.
  virtual void forget_key(wire::node_id holder, std::uint64_t key) = 0;

 protected:
  ~remote_memory() = default;
};

}  // namespace mobula::core
