#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "launch/child.hpp"

namespace mobula::launch {

/// The children of one process, by incarnation. When this is destroyed they are ended.
class nursery {
 public:
  struct end {
    std::uint32_t incarnation = 0;
    exit_status status;
  };

  /// @param common  what all children have in common
  explicit nursery(child_recipe common);

  /// @param variables  child_recipe::more_variables
  /// @param threads    where it may run; empty: as all
  /// @throws start_error
  const child& start(std::uint32_t incarnation, std::string start, environment variables = {},
                     const hardware::thread_set& threads = {});
  void signal(std::uint32_t incarnation, int number);
  /// Readable when a child has ended.
  int descriptor() const { return epoll_.get(); }
  /// Those that have ended since. Does not wait.
  std::vector<end> collect();
  std::size_t size() const { return children_.size(); }
  /// 0 if there is none of that incarnation.
  pid_t pid_of(std::uint32_t incarnation) const;

 private:
  child_recipe common_;
  launch::descriptor epoll_;
  std::map<std::uint32_t, child> children_;
};

}  // namespace mobula::launch
