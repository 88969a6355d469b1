#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mobula/amount.hpp"
#include "mobula/detail/api.hpp"
#include "mobula/object_ref.hpp"

// Where tasks and actors run: `remote<f>.with({.strategy = spread{}})(x)`.

namespace MOBULA_API mobula {

/// Where most bytes of the arguments are; else nodes are filled by half, then evenly.
struct automatic {};

/// On as many nodes as can be. Of a group's bundles the same.
struct spread {};

/// On that node, by its number in nodes(): a whole number of any type; 0 unless given.
struct on_node {
  amount id = {};
  /// Whether it may run elsewhere if that node has no room, or could never do it. Otherwise it
  /// waits for that node, and fails with `infeasible` where there is no such node.
  bool soft = false;
};

/// On a node of which all of these are said: `labels{{"gpu", "NVIDIA H100"}}`. See
/// runtime_options::labels.
class labels {
 public:
  labels() = default;
  labels(std::initializer_list<std::pair<const std::string, std::string>> all);
  explicit labels(std::map<std::string, std::string> all);
  const std::map<std::string, std::string>& all() const { return all_; }

 private:
  std::map<std::string, std::string> all_;
};

/// A group's bundles on as few nodes as can be.
struct pack {};
/// A group's bundles on one node, or nowhere.
struct strict_pack {};
/// A group's bundles each on a node of its own, or nowhere.
struct strict_spread {};

/// How the bundles of a group lie to each other: one of pack, spread, strict_pack, strict_spread.
class group_strategy {
 public:
  enum class kind : std::uint8_t { pack, spread, strict_pack, strict_spread };
  constexpr group_strategy(pack = {}) noexcept {}
  constexpr group_strategy(spread) noexcept : kind_{kind::spread} {}
  constexpr group_strategy(strict_pack) noexcept : kind_{kind::strict_pack} {}
  constexpr group_strategy(strict_spread) noexcept : kind_{kind::strict_spread} {}
  constexpr kind which() const noexcept { return kind_; }

 private:
  kind kind_ = kind::pack;
};

/// Resources that a placement group reserves together, on one node. Something of it must be set.
struct bundle {
  /// Unset: 0. Fractions are counted to 1/10000.
  amount cpus = {};
  /// Unset: 0. Below 1 a GPU is shared; above 1 it must be whole.
  amount gpus = {};
  /// Unset: 0.
  amount memory_bytes = {};
  /// Custom resources.
  resource_map resources = {};
};

class in_group;
class placement_group;
class scheduling_strategy;

namespace detail {
std::uint64_t number_of(const placement_group& group) noexcept;
}

/// Resources that are reserved together, all bundles or none, for the tasks and actors that name
/// it: `placement_group group{{{.cpus = 1}, {.cpus = 1, .gpus = 1}}, strict_pack{}};`, then
/// `remote<f>.with({.strategy = group.bundle(1)})(x)`.
///
/// Making one returns at once; what is submitted for it waits until all of it is reserved. It stays
/// until it is removed, or the process that made it has ended; letting go of it frees nothing.
/// If a node ends, its bundles are reserved anew elsewhere. Copying is cheap, and it can be sent as
/// refs can. A default-made one is empty. Thread-safe as an int is. May outlive the runtime:
/// destroying it is fine then, using it throws.
class placement_group {
 public:
  placement_group() = default;
  /// @param bundles  at least one, none of them empty
  /// @throws std::invalid_argument for no bundles, an empty one, or an amount as in task_options
  /// @throws error before init or after shutdown
  explicit placement_group(const std::vector<mobula::bundle>& bundles,
                           group_strategy strategy = pack{});

  /// Ready when all of it is reserved: the node of each bundle, by its number in nodes(). Fails
  /// with `infeasible` if the nodes could never hold it (also if `wait_infeasible` is set), or if
  /// it is removed before.
  /// @throws error if the group is empty
  object_ref<std::vector<std::uint32_t>> ready() const;
  /// For tasks and actors that are to be in that bundle. @throws std::out_of_range
  in_group bundle(std::size_t number) const;
  /// How many bundles it has; 0: it is empty.
  std::size_t size() const noexcept { return size_; }
  explicit operator bool() const noexcept { return static_cast<bool>(ready_); }

  friend bool operator==(const placement_group& a, const placement_group& b) noexcept {
    return a.ready_ == b.ready_;
  }
  /// An order without a meaning, the same in all processes.
  friend std::strong_ordering operator<=>(const placement_group& a,
                                          const placement_group& b) noexcept {
    return a.ready_ <=> b.ready_;
  }
  /// For archives other than Mobula's. @throws error always
  template <class Archive>
  void serialize(Archive&, unsigned) {
    detail::throw_foreign_archive();
  }

 private:
  friend struct detail::codec<placement_group>;
  friend std::uint64_t detail::number_of(const placement_group& group) noexcept;
  object_ref<std::vector<std::uint32_t>> ready_;
  std::uint64_t number_ = 0;  // among those of its maker, who owns `ready_`
  std::uint32_t size_ = 0;
};

/// In a bundle of a group; made by placement_group::bundle, or of a group: in any of its bundles.
class in_group {
 public:
  in_group(placement_group any_of) : group_{std::move(any_of)} {}
  const placement_group& group() const { return group_; }
  /// The bundle's number; any_bundle: whichever has room.
  std::uint32_t bundle() const { return bundle_; }
  static constexpr std::uint32_t any_bundle = 0xffff'ffff;

 private:
  friend class placement_group;
  in_group(placement_group group, std::uint32_t bundle)
      : group_{std::move(group)}, bundle_{bundle} {}
  placement_group group_;
  std::uint32_t bundle_ = any_bundle;
};

namespace detail {
struct chosen_place;
const chosen_place& place_chosen_by(const scheduling_strategy& strategy) noexcept;
}  // namespace detail

/// Where a task or an actor may be: one of automatic, spread, on_node, labels and in_group. Cheap
/// to copy. (Not a std::variant of them, which would be a tenth of what Mobula's headers cost to
/// compile.)
class scheduling_strategy {
 public:
  scheduling_strategy(automatic = {}) noexcept {}
  scheduling_strategy(spread that);
  scheduling_strategy(on_node that);
  scheduling_strategy(labels wanted);
  scheduling_strategy(in_group inside);
  scheduling_strategy(placement_group any_of);

 private:
  friend const detail::chosen_place& detail::place_chosen_by(
      const scheduling_strategy& strategy) noexcept;
  std::shared_ptr<const detail::chosen_place> chosen_;  // none: automatic
};

/// Frees what the group has reserved. Tasks that run in it, and actors, are ended: they fail with
/// worker_died and actor_died; what has not begun fails with `infeasible`. What they had put, or
/// submitted, is lost with their processes. Waits until it is decided; in a task this suspends the
/// fiber.
/// @throws error if the group is empty, or is no more: it was removed already, or its maker ended
/// @throws timed_out if no answer has come within the limit
void remove(const placement_group& group, time_limit limit = forever);

namespace detail {

template <>
struct codec<placement_group> : codec_defaults {
  static constexpr std::size_t size_min = 1;
  static void encode(encoder& to, const placement_group& group) {
    codec<object_ref<std::vector<std::uint32_t>>>::encode(to, group.ready_);
    to.number(group.number_);
    to.number(group.size_);
  }
  static placement_group decode(decoder& from) {
    placement_group group;
    group.ready_ = codec<object_ref<std::vector<std::uint32_t>>>::decode(from);
    group.number_ = from.number<std::uint64_t>();
    group.size_ = from.number<std::uint32_t>();
    return group;
  }
};

}  // namespace detail
}  // namespace mobula

template <>
struct std::hash<mobula::placement_group> {
  std::size_t operator()(const mobula::placement_group& group) const {
    if (!group) return 0;
    return std::hash<mobula::object_ref<std::vector<std::uint32_t>>>{}(group.ready());
  }
};
