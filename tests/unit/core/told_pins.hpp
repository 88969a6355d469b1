#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/local_pins.hpp"

namespace mobula::core {

/// What a test says that a process of the node reads.
struct told_pins final : local_pins {
  explicit told_pins(wire::process_id process) : who{process} {}

  void look() override {
    seen = now;
    ++count;
  }
  std::uint64_t looks() const override { return count; }
  bool is_pinned(const wire::location& block) const override {
    return std::ranges::find(seen, block) != seen.end();
  }
  lookup readers() const override {
    return [this](const wire::location& block) {
      return std::vector<wire::process_id>(is_pinned(block) ? 1 : 0, who);
    };
  }

  wire::process_id who;
  std::vector<wire::location> now;
  std::vector<wire::location> seen;
  std::uint64_t count = 0;
};

}  // namespace mobula::core
