#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/argument_pins.hpp"
#include "core/directory.hpp"
#include "core/memory_block_store.hpp"
#include "core/memory_disk.hpp"
#include "core/memory_of_others.hpp"
#include "core/scheduler.hpp"
#include "simulation/alarm.hpp"
#include "wire/receiver.hpp"

namespace mobula::sim {

class world;
class node;

/// What the processes of a node read in its store. They show it in memory that they share with its
/// scheduler: no message.
class node_pins final : public core::local_pins {
 public:
  void look() override;
  std::uint64_t looks() const override { return looks_; }
  bool is_pinned(const wire::location& block) const override;
  lookup readers() const override;

  core::argument_pins::answer pin(wire::process_id by, const wire::location& place,
                                  std::uint64_t as_of);
  void unpin(wire::process_id by, std::uint32_t number);
  /// The end of the process is certain.
  void forget(wire::process_id ended);
  std::size_t size() const { return now_.size(); }

 private:
  using key = std::pair<wire::process_id, std::uint32_t>;
  std::map<key, wire::location> now_;
  std::vector<wire::location> seen_;
  std::uint64_t looks_ = 0;
  std::uint32_t last_ = 0;
};

/// A disk whose jobs take some time.
class node_disk final : public core::spill_disk {
 public:
  node_disk(world& where, node& whose, std::size_t bytes);
  std::optional<range> take(std::uint64_t size_bytes) override { return disk_.take(size_bytes); }
  void give_back(range gone) override { disk_.give_back(gone); }
  void write(std::uint64_t token, range into, std::span<const std::byte> from) override;
  void read(std::uint64_t token, range from, std::uint64_t offset,
            std::span<std::byte> into) override;
  std::string full() const override { return disk_.full(); }
  std::size_t ranges() const { return disk_.ranges(); }
  std::uint64_t written() const { return written_; }

 private:
  void end_later(std::uint64_t token);
  world& world_;
  node& node_;
  core::memory_disk disk_;
  std::uint64_t written_ = 0;
};

/// Reads of other nodes' stores that take some time.
class node_rma final : public core::remote_memory {
 public:
  node_rma(world& where, node& whose, wire::node_id self, core::memory_block_store& memory);
  std::optional<exposure> expose(const wire::location& block, wire::node_id reader) override {
    return rma_.expose(block, reader);
  }
  void conceal(const wire::location& block) override { rma_.conceal(block); }
  bool start(const read& how) override;
  std::vector<revoked_key> take_revoked() override { return rma_.take_revoked(); }
  void forget_key(wire::node_id holder, std::uint64_t key) override {
    rma_.forget_key(holder, key);
  }
  core::memory_of_others& rma() { return rma_; }

 private:
  world& world_;
  node& node_;
  core::memory_of_others rma_;
};

/// A simulated node: its scheduler process.
class node final : public wire::receiver, core::worker_starter {
 public:
  node(world& where, wire::node_id id, std::vector<core::node_totals> totals);

  core::scheduler& scheduler() { return scheduler_; }
  core::directory& directory() { return directory_; }
  core::memory_block_store& memory() { return memory_; }
  node_pins& pins() { return pins_; }
  const node_disk& disk() const { return disk_; }
  core::memory_of_others& rma() { return rma_.rma(); }
  /// After something was handed to the directory.
  void settle();
  void worker_died(wire::process_id process, std::string cause,
                   std::vector<core::begun_entry> begun);
  std::string leftovers(bool objects_may_stay = false) const;
  std::string state() const;

 private:
  struct death {
    std::string cause;
    std::vector<core::begun_entry> begun;
  };
  void on_message(wire::process_id from, wire::blob message) override;
  void on_closed(wire::process_id ended) override;
  void start_worker(wire::process_id process, const core::process_set& set) override;
  void end_worker(wire::process_id process) override;
  void plan_tick();
  void tick();

  world& world_;
  wire::process_id self_;
  wire::outbox& out_;
  core::memory_block_store memory_;
  node_pins pins_;
  node_disk disk_;
  node_rma rma_;
  core::directory directory_;
  core::scheduler scheduler_;
  std::map<wire::process_id, death> dying_;
  alarm tick_;
};

}  // namespace mobula::sim
