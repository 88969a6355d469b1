#pragma once

#include <cstdint>
#include <cstring>

#include "common/other_process.hpp"
#include "common/timings.hpp"
#include "transport/ring/arena.hpp"
#include "transport/ring/consumer.hpp"
#include "transport/ring/mapping.hpp"
#include "transport/ring/producer.hpp"

// Two rings in shared memory and nothing else: what a message between two processes of a node
// costs at the least while both poll. The other process is forked.

namespace mobula::benchmarks {

struct bare_end {
  ring::producer out;
  ring::consumer in;
  std::uint64_t seen = 0;
  std::uint64_t sum = 0;

  void on_record(ring::record_header, wire::blob bytes) {
    // Looks at the payload, as a receiver would.
    std::uint64_t first = 0;
    std::memcpy(&first, bytes.data(), sizeof first);
    sum += first;
    ++seen;
  }
  void on_segment_left(unsigned) {}

  void send(std::size_t size) {
    std::byte* room = nullptr;
    while ((room = out.reserve(size)) == nullptr) out.publish();
    std::memset(room, 1, size);
    out.commit(ring::record_kind::message, false);
  }
  void receive(std::uint64_t until) {
    while (seen < until) {
      std::size_t read = 0;
      in.drain(*this, SIZE_MAX, read);
    }
  }
};

struct bare_memory {
  ring::arena both{wire::process_id{0, 1}, 2};
  bare_end end(std::uint32_t own) {
    const std::uint32_t peer = 1 - own;
    return {{both.region(peer), both.slot(peer)}, {both.region(own), both.slot(own)}};
  }
};

/// A message there and one back, each timed alone.
inline void bare_ring_round_trip(benchmark::State& state, std::size_t size) {
  bare_memory memory;
  const other_process echo{[&] {
    bare_end end = memory.end(1);
    for (std::uint64_t i = 1;; ++i) {
      end.receive(i);
      end.send(size);
      end.out.publish();
    }
  }};
  bare_end end = memory.end(0);
  time_each(state, 1, [&] {
    end.send(size);
    end.out.publish();
    end.receive(end.seen + 1);
  });
}

/// Batches of messages there, each answered by one.
inline void bare_ring_one_way(benchmark::State& state, std::size_t size, std::uint64_t batch) {
  bare_memory memory;
  const other_process sink{[&] {
    bare_end end = memory.end(1);
    for (std::uint64_t i = 1;; ++i) {
      end.receive(i * batch);
      end.send(8);
      end.out.publish();
    }
  }};
  bare_end end = memory.end(0);
  while (end.out.can_grow() && end.out.capacity() < std::size_t{64} << 10) end.out.grow();
  time_each(state, batch, [&] {
    for (std::uint64_t i = 0; i < batch; ++i) {
      end.send(size);
      if (end.out.hidden_bytes() > 1024) end.out.publish();
    }
    end.out.publish();
    end.receive(end.seen + 1);
  });
}

}  // namespace mobula::benchmarks
