#pragma once

#include <utility>
#include <vector>

#include "core/local_pins.hpp"
#include "store/pin_page.hpp"
#include "transport/ring/broker.hpp"
#include "transport/ring/port.hpp"

namespace mobula::detail {

/// What the processes of a node read in its store, as their pages show it to its scheduler.
class node_pins final : public core::local_pins {
 public:
  /// Both outlive it.
  node_pins(const ring::broker& broker, const ring::port& port) : broker_{broker}, port_{port} {}

  void look() override {
    // Counted first: who pins from here on, and is not seen, sees that.
    port_.store_moves().fetch_add(1, std::memory_order_seq_cst);
    pinned_ = {};
    for (const auto& [process, page] : broker_.pin_pages()) pinned_.add(page);
  }
  std::uint64_t looks() const override { return port_.store_moves().load(); }
  bool is_pinned(const wire::location& block) const override { return pinned_.contains(block); }
  lookup readers() const override {
    store::block_readers all;
    for (const auto& [process, page] : broker_.pin_pages()) all.add(process, page);
    return [all = std::move(all)](const wire::location& block) { return all.of(block); };
  }

 private:
  const ring::broker& broker_;
  const ring::port& port_;
  store::pinned_blocks pinned_;
};

}  // namespace mobula::detail
