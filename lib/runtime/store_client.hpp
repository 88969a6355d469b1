#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/object.hpp"
#include "mobula/detail/backend.hpp"
#include "wire/messages.hpp"

namespace mobula::detail {

class process;

/// A value up to this many bytes travels in messages and lives in its owner's memory; a larger one
/// is kept by the store of the node that made it.
inline constexpr std::size_t inline_bytes_max = std::size_t{32} << 10;

/// This process's way to the store of its node: asks the scheduler for room and for objects of
/// other nodes, and maps what it is given. Calls without the lock; they block.
class store_client {
 public:
  explicit store_client(process& whose);
  ~store_client();

  /// Writes a value into the node's store, for the object `id`.
  /// @throws store_full
  wire::location write(wire::object_id id, const encoder& value);
  /// The bytes of a stored object, brought to this node first if need be. They stay readable until
  /// the process ends, and unchanged as long as somebody holds the object.
  /// @throws object_lost
  std::span<const std::byte> read(core::object& stored);
  /// The bytes of a copy on this node.
  std::span<const std::byte> read_here(const wire::location& where);

  void on_message(wire::blob message);

 private:
  struct answer {
    wire::location where;
    std::vector<std::byte> error;
  };
  struct maps;
  answer await_answer(std::uint64_t token);
  [[nodiscard]] std::optional<wire::location> copy_here(const core::object& stored) const;

  process& whose_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, std::optional<answer>> asked_;
  std::unique_ptr<maps> maps_;
};

}  // namespace mobula::detail
