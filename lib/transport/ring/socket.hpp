#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "transport/ring/arena_source.hpp"
#include "transport/ring/descriptor.hpp"

// What the broker and its clients say on their Unix socket: one fixed struct each way, whole, with
// up to two descriptors.

namespace mobula::ring {

enum class question_kind : std::uint32_t {
  join = 1,   // number: the process's id; its arena rides along
  arena = 2,  // number: a process's id
  named = 3,  // number: of a published descriptor
};

struct question {
  static constexpr std::uint64_t magic_value = 0x6b6f72626f6d6131U;

  std::uint64_t magic = magic_value;
  std::uint64_t job_token = 0;
  question_kind kind = question_kind::join;
  std::uint32_t asker = 0;  // of arena: the incarnation of the process to wake with the answer
  std::uint64_t number = 0;
};

struct reply {
  std::uint32_t kind = 0;  // answer_kind, or for join: 0, or a refusal
  std::uint32_t reserved = 0;
};

enum class join_refusal : std::uint32_t {
  none = 0,
  not_of_this_node = 1,
  joined_already = 2,
  too_many = 3,
  no_arena = 4,
};

/// One received struct with what came along.
struct packet {
  long size = 0;  // as recvmsg says: 0 the end, below 0 an error in errno
  descriptor first;
  descriptor second;
};

/// Sends `size` bytes whole. A descriptor of -1 is left out (both, or the second).
bool send_packet(int socket, const void* bytes, std::size_t size, int first = -1, int second = -1);
packet receive_packet(int socket, void* bytes, std::size_t size);

/// The answer to a question for a descriptor; unknown if the broker has gone. Nothing: none has
/// come to a socket that doesn't block.
std::optional<descriptor_answer> receive_answer(int socket);

/// A socket that listens on an abstract name, or is connected to one; empty if that fails.
descriptor listen_on(std::string_view name);
descriptor connect_to(std::string_view name);
/// False (errno tells why): it still blocks.
[[nodiscard]] bool make_nonblocking(int socket);
/// The other end runs as the same user as we do.
bool same_user(int socket);

}  // namespace mobula::ring
