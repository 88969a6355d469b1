#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace mobula::wire {

/// A node of the job: the ranks that share memory. Numbered from 0 in rank order.
using node_id = std::uint16_t;

/// Names a process of the job: node (16 bits) and incarnation on it (32 bits). Never reused.
///
/// Incarnation 0 is the node's scheduler, so that everybody knows how to call it. The driver is
/// incarnation 1 of node 0; where every rank is a driver, those of a node are 1 and up, in rank
/// order. A default-made id names nobody.
class process_id {
 public:
  constexpr process_id() = default;
  constexpr process_id(node_id node, std::uint32_t incarnation)
      : bits_{(std::uint64_t{node} << 32 | incarnation) + 1} {}

  static constexpr process_id scheduler_of(node_id node) { return {node, 0}; }
  static constexpr process_id from_bits(std::uint64_t bits) {
    process_id id;
    id.bits_ = bits & ((std::uint64_t{1} << 48) - 1);
    return id;
  }

  constexpr node_id node() const { return static_cast<node_id>((bits_ - 1) >> 32); }
  constexpr std::uint32_t incarnation() const { return static_cast<std::uint32_t>(bits_ - 1); }
  constexpr bool is_scheduler() const { return bits_ != 0 && incarnation() == 0; }
  constexpr std::uint64_t bits() const { return bits_; }
  constexpr explicit operator bool() const { return bits_ != 0; }
  constexpr auto operator<=>(const process_id&) const = default;

 private:
  // One more than node and incarnation, so that zeroed memory names nobody. 48 bits are used.
  std::uint64_t bits_ = 0;
};

/// Whether the one ends with the other: a node's processes end with its scheduler.
constexpr bool ends_with(process_id one, process_id ended) {
  return one == ended || (ended.is_scheduler() && one.node() == ended.node());
}

/// Names something that a process owns: process 48 bits, sequence 48, index among results 32.
/// `Kind` keeps ids of tasks and objects apart.
template <class Kind>
class owned_id {
 public:
  constexpr owned_id() = default;
  constexpr owned_id(process_id owner, std::uint64_t sequence, std::uint32_t index = 0)
      : high_{owner.bits() << 16 | (sequence >> 32 & 0xffff)},
        low_{(sequence & 0xffff'ffff) << 32 | index} {}

  static constexpr owned_id from_words(std::uint64_t high, std::uint64_t low) {
    owned_id id;
    id.high_ = high;
    id.low_ = low;
    return id;
  }

  constexpr process_id owner() const { return process_id::from_bits(high_ >> 16); }
  constexpr std::uint64_t sequence() const { return (high_ & 0xffff) << 32 | low_ >> 32; }
  constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(low_); }
  constexpr std::uint64_t high() const { return high_; }
  constexpr std::uint64_t low() const { return low_; }
  constexpr explicit operator bool() const { return high_ != 0; }
  constexpr auto operator<=>(const owned_id&) const = default;

 private:
  std::uint64_t high_ = 0;
  std::uint64_t low_ = 0;
};

struct task_kind;
struct object_kind;
struct group_kind;

/// A task: its index is always 0. Its results are the objects of the same sequence.
using task_id = owned_id<task_kind>;
/// An object. An actor is named by the object that its creation makes: its handle.
using object_id = owned_id<object_kind>;

/// A placement group; its index is always 0. Later ones of a process have higher sequences.
using group_id = owned_id<group_kind>;

constexpr object_id result_of(task_id task, std::uint32_t index) {
  return {task.owner(), task.sequence(), index};
}
constexpr task_id maker_of(object_id object) { return {object.owner(), object.sequence()}; }

/// A lease of one worker, numbered by the scheduler that granted it.
struct lease_id {
  process_id granter;
  std::uint64_t number = 0;
  constexpr explicit operator bool() const { return static_cast<bool>(granter); }
  constexpr auto operator<=>(const lease_id&) const = default;
};

/// Names a remote function in every process of the job: its module's build id, hashed, and the
/// offset of its thunk in that module.
struct function_id {
  std::uint64_t module = 0;
  std::uint64_t offset = 0;
  constexpr auto operator<=>(const function_id&) const = default;
};

/// Who calls an actor: the driver's thread, a task attempt or an actor instance. Never a process:
/// calls of one caller run in its order, calls of two callers in one process in any.
struct caller_id {
  process_id process;
  std::uint64_t number = 0;
  constexpr auto operator<=>(const caller_id&) const = default;
};

/// A NUMA node of a machine, by the kernel's number.
using numa_node = std::uint32_t;
inline constexpr numa_node any_numa_node = ~numa_node{0};

/// Where a sealed copy of an object lies: which node's store (and which life of that node), which
/// extent, where in it, and the generation of the block, so that a late reader sees its reuse.
struct location {
  node_id node = 0;
  std::uint16_t reserved = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t extent = 0;
  std::uint32_t generation = 0;
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  constexpr auto operator<=>(const location&) const = default;
};

/// Mixes a 64-bit word well enough for hash tables (the finalizer of splitmix64).
constexpr std::size_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebU;
  return static_cast<std::size_t>(x ^ x >> 31);
}

}  // namespace mobula::wire

template <>
struct std::hash<mobula::wire::process_id> {
  std::size_t operator()(mobula::wire::process_id id) const noexcept {
    return mobula::wire::mix(id.bits());
  }
};
template <class Kind>
struct std::hash<mobula::wire::owned_id<Kind>> {
  std::size_t operator()(const mobula::wire::owned_id<Kind>& id) const noexcept {
    return mobula::wire::mix(id.high() * 0x9e3779b97f4a7c15U ^ id.low());
  }
};
template <>
struct std::hash<mobula::wire::lease_id> {
  std::size_t operator()(const mobula::wire::lease_id& id) const noexcept {
    return mobula::wire::mix(id.granter.bits() * 0x9e3779b97f4a7c15U ^ id.number);
  }
};
template <>
struct std::hash<mobula::wire::function_id> {
  std::size_t operator()(const mobula::wire::function_id& id) const noexcept {
    return mobula::wire::mix(id.module * 0x9e3779b97f4a7c15U ^ id.offset);
  }
};
template <>
struct std::hash<mobula::wire::caller_id> {
  std::size_t operator()(const mobula::wire::caller_id& id) const noexcept {
    return mobula::wire::mix(id.process.bits() * 0x9e3779b97f4a7c15U ^ id.number);
  }
};
template <>
struct std::hash<mobula::wire::location> {
  std::size_t operator()(const mobula::wire::location& where) const noexcept {
    return mobula::wire::mix((std::uint64_t{where.extent} << 32 | where.generation) ^ where.offset
                                                                                          << 20);
  }
};
