#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"
#include "wire/outbox.hpp"

namespace mobula::core {
using wire::process_id;

/// The network: for each pair of processes a queue; any queue may be next.
class random_network {
 public:
  /// Sees what schedulers send, at once; may be empty.
  std::function<void(wire::blob message)> on_sent_by_scheduler;
  class port final : public wire::outbox {
   public:
    port(random_network& net, process_id self) : net_{net}, self_{self} {}
    std::byte* begin(process_id to, std::size_t size) override {
      auto& queue = net_.queues_[{self_, to}];
      last_ = &queue.emplace_back(size);
      return last_->data();
    }
    void commit() override {
      if (self_.is_scheduler() && net_.on_sent_by_scheduler) net_.on_sent_by_scheduler(*last_);
    }

   private:
    random_network& net_;
    process_id self_;
    std::vector<std::byte>* last_ = nullptr;
  };
  /// Takes out a random next message; false: none is left.
  bool take(std::mt19937_64& random, process_id& from, process_id& to,
            std::vector<std::byte>& bytes) {
    if (queues_.empty()) return false;
    auto at = queues_.begin();
    std::advance(at, random() % queues_.size());
    from = at->first.first;
    to = at->first.second;
    bytes = std::move(at->second.front());
    at->second.pop_front();
    if (at->second.empty()) queues_.erase(at);
    return true;
  }

 private:
  std::map<std::pair<process_id, process_id>, std::deque<std::vector<std::byte>>> queues_;
};

}  // namespace mobula::core
