#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/argument_pins.hpp"
#include "core/object.hpp"
#include "mobula/detail/backend.hpp"
#include "runtime/block_pin.hpp"
#include "store/numa_topology.hpp"
#include "store/pin_page.hpp"
#include "store/slabs.hpp"
#include "wire/store_messages.hpp"

namespace mobula::detail {

class process;

/// A value up to this many bytes travels in messages and lives in its owner's memory; a larger one
/// is kept by the store of the node that made it.
inline constexpr std::size_t inline_bytes_max = std::size_t{32} << 10;
/// Where a value begins in its room of a store. What stands behind its first word, such as a
/// vector's elements behind their count, begins 16 bytes into a page then, as what malloc gives:
/// where one comes a few bytes before the other in their pages, processors copy a quarter slower,
/// since they take what is read for what was just written.
inline constexpr std::size_t value_offset = 8;
/// As long as all the results of its task stay below this together: they travel in one message.
inline constexpr std::size_t inline_results_bytes_max = std::size_t{16} << 20;

/// This process's way to the store of its node: asks the scheduler for room, in slabs, and for
/// objects of other nodes, and maps what it is given.
///
/// An object is fetched once, whoever waits for it here, and until the answer comes: also when
/// everybody has given up meanwhile, so that who comes back finds it here. Until then it is held.
///
/// The scheduler moves what nobody has pinned: to disk, and back to another place. So whoever reads
/// pins a place first, then looks whether blocks have been moved since it was told of it, and asks
/// the scheduler then.
class store_client final : public core::argument_pins {
 public:
  explicit store_client(process& whose);
  ~store_client();

  // Without the lock.

  /// A room for one object, which nobody else writes or reads before `made`. Ends with that or with
  /// `abandon`. Waits for the scheduler's answer where this process has no room left: in place,
  /// also on a fiber, since what is being written must not change meanwhile, and without lending
  /// its cpus, since who began with those would take the memory that this one waits for.
  /// @throws store_full, timed_out
  wire::location allocate(std::uint64_t size_bytes, std::uint64_t deadline_ns = never);
  /// Its memory, to be filled here. @throws store_full if it can't be mapped, after giving the room
  /// back
  std::span<std::byte> writable(const wire::location& room);
  /// Its memory, to be filled by user code, until `take_back`: before the room ends. @throws as
  /// above
  std::span<std::byte> lend(const wire::location& room);
  /// User code has filled it, or never will: it can't write there any more, if the room is large.
  void take_back(const wire::location& room, std::byte* lent);
  /// Writes a value into a room of its own.
  /// @throws store_full, timed_out, and what encoder::copy_to does
  wire::location write(encoder& value, std::uint64_t deadline_ns = never);
  /// What is being read, and what keeps it there. Its memory stays readable until the process ends.
  struct pinned_block {
    wire::location where;
    std::span<const std::byte> bytes;
    block_pin pin;
  };
  /// A stored object; nothing: it is not known to be in this node's memory, see `bring`.
  /// @throws what the last fetch of it failed with
  std::optional<pinned_block> read(core::object& stored);
  /// A block of this node that something else keeps there meanwhile.
  pinned_block read_here(const wire::location& place);
  /// The same, without a pin of its own.
  std::span<const std::byte> mapped(const wire::location& place);

  // Under the lock.

  answer pin(const wire::location& place, std::uint64_t as_of) override;
  void unpin(std::uint32_t number) override { pins_.unpin(number); }
  /// How many blocks this process reads.
  std::size_t pins() const { return pins_.pins(); }
  wire::numa_node numa_node() const override { return store::numa_node_here(); }
  /// `object` lies there now and will not change; before its owner hears of that.
  void made(wire::object_id object, const wire::location& where);
  /// An object of this process lies there now, and will not change: made, with one count for the
  /// caller.
  core::object& make_object(const wire::location& where, std::span<core::object* const> contains);
  /// No object has been made of the room.
  void abandon(const wire::location& room);
  /// Whether this node has a copy, in memory or on disk.
  bool is_near(const core::object& stored) const { return copy_here(stored).has_value(); }
  /// Whether `read` would find one in memory.
  bool is_here(const core::object& stored) const;
  /// Has an object brought into this node's memory. @returns whether `who` will be told when that
  /// is over, by success or failure. False: it is here, or not in a store at all, or an earlier
  /// fetch of it failed when nobody waited any more; `read` knows which
  bool bring(core::object& one, core::waiter& who);
  /// `who` waits for `bring` no more.
  void withdraw(core::object& one, core::waiter& who);
  void on_message(wire::blob message);

 private:
  struct grant {
    wire::location where;
    std::vector<std::byte> error;
  };
  struct maps;
  std::optional<wire::location> ask_for_room(std::uint64_t size_bytes, std::uint64_t deadline_ns);
  std::span<std::byte> checked(const wire::location& room, std::span<std::byte> memory);
  grant await_grant(std::uint64_t token);
  void give_back(std::uint64_t kept_bytes_max);
  void fail(core::object& one, wire::blob error);
  void end(core::object& one);
  void on_fetched(const wire::store_fetched& told);
  [[nodiscard]] std::optional<core::memory_place> copy_here(const core::object& stored) const;
  std::uint64_t moves() const;
  [[noreturn]] void throw_no_pins() const;

  process& whose_;
  store::slabs slabs_;
  store::pin_page pins_;
  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, std::optional<grant>> asked_;
  std::unordered_map<core::object*, core::waiter_list> fetches_;  // who waits for each
  std::unique_ptr<maps> maps_;
};

}  // namespace mobula::detail
