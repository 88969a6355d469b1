#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/scheduler.hpp"
#include "core/sent_messages.hpp"
#include "wire/codec.hpp"

// A scheduler, its processes that join when a test says so, and what it sends.

namespace mobula::core {
using wire::lease_id;
using wire::lease_kind;
using wire::process_id;

inline constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::int64_t one_cpu = wire::resource_amounts::unit;
inline const process_id driver{0, 1};
inline const process_id other_owner{0, 900};

inline wire::resource_amounts cpus(double count) {
  wire::resource_amounts amounts;
  amounts.cpus = static_cast<std::int64_t>(count * one_cpu);
  return amounts;
}

class recording_starter final : public worker_starter {
 public:
  void start_worker(process_id process, const process_set& set) override {
    started.push_back(process);
    sets[process] = set;
  }
  void end_worker(process_id process) override { ended.push_back(process); }
  std::vector<process_id> started;
  std::map<process_id, process_set> sets;
  std::vector<process_id> ended;
};

class Scheduler : public testing::Test {
 protected:
  void make(double cpu_count, scheduler_limits limits = {}) {
    make({{"here", {cpus(cpu_count)}}}, limits);
  }
  void make(std::vector<node_totals> nodes, scheduler_limits limits = {}) {
    scheduler_ =
        std::make_unique<scheduler>(wire::node_id{0}, std::move(nodes), starter_, out_, limits);
    scheduler_->tick(now_);
    for (std::uint32_t i = 1; i <= scheduler_->peers()[0].drivers; ++i)
      scheduler_->driver_joined({0, i});
  }
  template <class Message>
  void receive(process_id from, const Message& message) {
    const auto bytes = encoded(message);
    scheduler_->on_message(from, bytes);
  }
  wire::lease_request request_of(process_id owner, std::uint64_t number,
                                 const wire::resource_amounts& demand, std::uint32_t count = 1) {
    wire::lease_request request;
    request.owner = owner;
    request.request = number;
    request.count = count;
    request.demand = request.held = demand;
    return request;
  }
  void ask(process_id owner, std::uint64_t number, const wire::resource_amounts& demand,
           std::uint32_t count = 1) {
    receive(owner, request_of(owner, number, demand, count));
  }
  void ask_actor(process_id owner, std::uint64_t number) {
    wire::lease_request request = request_of(owner, number, cpus(1));
    request.kind = lease_kind::actor;
    request.held = {};
    receive(owner, request);
  }
  /// Lets all started processes join.
  void join_all() {
    while (joined_ < starter_.started.size())
      scheduler_->worker_joined(starter_.started[joined_++]);
  }
  struct granted {
    lease_id lease;
    process_id worker;
    std::uint64_t request = 0;
    process_id owner;
  };
  granted grant() {
    join_all();
    granted one;
    const auto message = out_.take<wire::lease_grant>(&one.owner);
    EXPECT_TRUE(message) << "no grant";
    if (!message) return one;
    one.lease = message->lease;
    one.worker = message->worker;
    one.request = message->request;
    return one;
  }
  bool nothing_granted() {
    join_all();
    return out_.count<wire::lease_grant>() == 0;
  }
  void give_back(const granted& one) { receive(one.owner, wire::lease_return{one.lease}); }
  void lend(const granted& one) { receive(one.worker, wire::cpus_lend{one.lease}); }
  void claim(const granted& one) { receive(one.worker, wire::cpus_claim{one.lease}); }
  void pass_tenure() { scheduler_->tick(now_ += 10'000'000); }

  sent_messages out_;
  recording_starter starter_;
  std::unique_ptr<scheduler> scheduler_;
  std::size_t joined_ = 0;
  std::uint64_t now_ = 1'000'000'000;
};

}  // namespace mobula::core
