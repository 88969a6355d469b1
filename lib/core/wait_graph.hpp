#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "wire/ids.hpp"
#include "wire/wait_messages.hpp"

namespace mobula::core {

/// What waits for what, as far as it was asked for.
///
/// A point goes on once as many as it needs of those that it waits for do. Whatever is not known to
/// wait can go on; what can't go on after that is stuck. Points that wait for each other, and for
/// nothing stuck beside, are a knot: the place where a deadlock can be undone.
class wait_graph {
 public:
  using index = std::uint32_t;
  struct node {
    wire::wait_point point;
    std::optional<wire::wait_reply> said;
    std::vector<index> on;  // of said->on, those that are points of this graph
  };

  explicit wait_graph(std::size_t points_max) : points_max_{points_max} {}

  std::size_t size() const { return nodes_.size(); }
  const node& operator[](index i) const { return nodes_[i]; }
  /// The point, new or known. Nothing if there is no room for a new one: it counts as one that can
  /// go on.
  std::optional<index> add(const wire::wait_point& point);
  /// What a point waits for. @returns the points that are new in this graph
  std::vector<index> answer(index of, wire::wait_reply said);

  struct knot {
    std::vector<index> members;
    index victim = 0;  // the one that fails: that with the smallest id, so that all choose the same
  };
  /// The knots in which an attempt waits that can be made to fail.
  std::vector<knot> knots() const;
  /// Whether the members wait for each other still, by what they said when asked again, one answer
  /// each. Then they have all done so at one moment: between the two rounds of questions.
  bool confirmed(std::span<const index> members, std::span<const wire::wait_reply> again) const;
  /// The shortest way from a member of a knot back to itself; it stands first and not again last.
  std::vector<index> cycle(index member) const;

 private:
  std::vector<bool> stuck() const;
  bool undoable(knot& one) const;

  std::size_t points_max_;
  std::vector<node> nodes_;
  std::map<wire::wait_point, index> known_;
};

}  // namespace mobula::core
