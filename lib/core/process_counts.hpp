#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/invariant.hpp"
#include "wire/ids.hpp"

namespace mobula::core {

/// In how many things each process is involved, so that the end of one that is in none costs
/// nothing. Looks nothing up while the same process is counted again and again.
class process_counts {
 public:
  void add(wire::process_id process) { ++of(process); }
  void remove(wire::process_id process) {
    std::size_t& count = of(process);
    invariant(count != 0, "what a process is involved in was counted", process.bits());
    --count;
  }
  bool is_involved(wire::process_id process) const {
    const auto at = counts_.find(process);
    return at != counts_.end() && at->second != 0;
  }

 private:
  // Entries stay when they are 0: who was involved once mostly is again, and ids are not reused.
  std::size_t& of(wire::process_id process) {
    if (!last_ || last_process_ != process) {
      last_ = &counts_[process];
      last_process_ = process;
    }
    return *last_;
  }

  std::unordered_map<wire::process_id, std::size_t> counts_;
  wire::process_id last_process_;
  std::size_t* last_ = nullptr;
};

}  // namespace mobula::core
