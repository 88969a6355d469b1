#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "wire/ids.hpp"

namespace mobula::core {

/// What the driver's scheduler has been told of nodes that are not heard, and what it makes of it.
///
/// | the accused                | on                                             | is      |
/// |----------------------------|------------------------------------------------|---------|
/// | not accused                | an accusation                                  | asked   |
/// | asked                      | its answer                                     | cleared |
/// | asked                      | no answer for `answer_ns`                      | dead    |
/// | cleared, accused again     |                                                | asked   |
/// | cleared                    | no accusation for `forget_ns`                  | not accused |
/// | asked or cleared           | accusations of somebody living for `endure_ns` | dead    |
///
/// The last: links between living nodes are cut, and so somebody has to go. It is the one whom most
/// accuse, and that for half as long at least: one that reaches nobody but the driver's node
/// accuses all that it watches, and each of them has fewer accusers than it has itself.
class accusations {
 public:
  struct limits {
    std::uint64_t answer_ns = 0;
    std::uint64_t forget_ns = 0;
    std::uint64_t endure_ns = 0;
  };
  explicit accusations(limits named) : limits_{named} {}

  /// @returns whether the accused is to be asked now
  bool accuse(wire::node_id node, wire::node_id by, std::uint64_t now_ns);
  void heard(wire::node_id node);
  void died(wire::node_id node);
  /// One that counts as dead now: to be declared so, and told here by `died`.
  std::optional<wire::node_id> dead(std::uint64_t now_ns);

 private:
  struct suspect {
    std::uint64_t since_ns = 0;
    std::uint64_t asked_ns = 0;
    bool answered = false;
    std::map<wire::node_id, std::uint64_t> accusers;  // when each last did
  };
  limits limits_;
  std::map<wire::node_id, suspect> suspects_;
};

}  // namespace mobula::core
