#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "transport/ring/arena_source.hpp"
#include "transport/ring/hub.hpp"
#include "transport/ring/socket.hpp"
#include "wire/ids.hpp"

namespace mobula::ring {

/// Who wants to know of the processes that meet at a broker: the scheduler.
class broker_observer {
 public:
  virtual void on_joined(wire::process_id process) = 0;
  /// Its connection has closed. That only asks the question whether it has ended: answer with
  /// `broker::forget` once that is certain.
  virtual void on_disconnected(wire::process_id process) = 0;

 protected:
  ~broker_observer() = default;
};

/// Hands out the descriptors of a node: each process's arena to the others, and whatever was
/// published under a number. Part of the scheduler's loop: it never blocks.
class broker final : public arena_source {
 public:
  /// Listens on a new abstract socket. Throws std::system_error if the kernel refuses.
  broker(hub& own, std::uint64_t job_token);
  broker(const broker&) = delete;
  broker& operator=(const broker&) = delete;

  /// What a child must know, beside the job token and its process id, to join.
  const std::string& name() const { return name_; }
  /// Readable when there is something to serve.
  int event() const { return events_.number(); }
  void serve(broker_observer& observer);

  /// From now on `number` names this descriptor, of which a copy is kept. False (errno tells why):
  /// it could not be copied, and the number names what it did before.
  [[nodiscard]] bool publish(std::uint64_t number, int what);
  void withdraw(std::uint64_t number) { published_.erase(number); }

  /// The process has certainly ended: nobody gets its arena any more, and its bytes are free.
  void forget(wire::process_id ended);
  bool joined(wire::process_id process) const { return members_.contains(process); }
  std::size_t members() const { return members_.size(); }

  descriptor_answer arena_of(wire::process_id process) const;
  void ask_arena(wire::process_id process) override {
    arenas_.push_back({process, arena_of(process)});
  }
  std::optional<arena_answer> next_arena() override;
  /// The pages of pins of all who have joined and not been forgotten.
  struct pin_page {
    wire::process_id process;
    std::span<const std::byte, pins_bytes> bytes;
  };
  std::vector<pin_page> pin_pages() const;
  /// What the process shows on its page, also after its death until it is forgotten. False:
  /// unknown.
  bool read_board(wire::process_id process, std::span<std::byte, board_bytes> page) const;

  /// Connections and questions that were refused.
  std::uint64_t refused() const { return refused_; }

 private:
  struct connection {
    descriptor socket;
    wire::process_id process;  // once it has joined
  };

  void accept_all();
  bool serve_one(connection& from, broker_observer& observer);
  bool answer(connection& from, const question& asked, descriptor memory,
              broker_observer& observer);
  join_refusal admit(const connection& from, wire::process_id process, const peer_arena& memory);
  void wake(wire::process_id process);
  void watch(int socket);

  hub& own_;
  std::uint64_t job_token_;
  std::string name_;
  descriptor listener_;
  descriptor events_;
  std::unordered_map<int, connection> connections_;
  std::unordered_map<wire::process_id, peer_arena> members_;
  std::unordered_map<std::uint64_t, descriptor> published_;
  std::deque<arena_answer> arenas_;  // asked for by the scheduler's own port
  std::uint64_t refused_ = 0;
};

}  // namespace mobula::ring
