#include <gtest/gtest.h>

#include <cstring>

#include "transport/ucx/links.hpp"
#include "transport/ucx/nodes.hpp"

namespace mobula::ucx {
namespace {

ucs_status_t ignore(void*, const void*, std::size_t, void*, std::size_t,
                    const ucp_am_recv_param_t*) {
  return UCS_OK;
}

/// Somebody who can reach a node's port and sends what it likes.
class stranger {
 public:
  explicit stranger(wire::blob victim) : worker_{2, true, &ignore, this} {
    std::string failure;
    endpoint_ = worker_.connect(
        victim, [](void*, ucp_ep_h, ucs_status_t) {}, this, failure);
  }
  ~stranger() {
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_EP_CLOSE_FLAG_FORCE;
    void* request = ucp_ep_close_nbx(endpoint_, &param);
    while (UCS_PTR_IS_PTR(request) && ucp_request_check_status(request) == UCS_INPROGRESS) {
      worker_.progress();
    }
    if (UCS_PTR_IS_PTR(request)) ucp_request_free(request);
  }

  void send(wire::blob header, wire::blob body, std::uint32_t flags = UCP_AM_SEND_FLAG_EAGER) {
    headers_.emplace_back(header.begin(), header.end());
    bodies_.emplace_back(body.begin(), body.end());
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = flags;
    void* request = ucp_am_send_nbx(endpoint_, endpoint_worker::message_id, headers_.back().data(),
                                    header.size(), bodies_.back().data(), body.size(), &param);
    if (UCS_PTR_IS_PTR(request)) ucp_request_free(request);
  }
  void send(const frame_header& header, wire::blob body,
            std::uint32_t flags = UCP_AM_SEND_FLAG_EAGER) {
    send(std::as_bytes(std::span{&header, 1}), body, flags);
  }
  void progress() { worker_.progress(); }

 private:
  endpoint_worker worker_;
  ucp_ep_h endpoint_ = nullptr;
  std::deque<std::vector<std::byte>> headers_;
  std::deque<std::vector<std::byte>> bodies_;
};

std::vector<std::byte> record(wire::process_id from, wire::process_id to, std::uint64_t claimed) {
  std::vector<std::byte> bytes(sizeof(record_header) + 8);
  const record_header head{from.bits(), to.bits(), claimed};
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes;
}

TEST(LinksGarbage, IsDroppedAndCounted) {
  nodes pair{2};
  stranger other{pair.at[1]->address()};
  const auto good = record(worker_of(0), worker_of(1), 8);
  other.send(frame_header{test_token + 1, 0, 0}, good);
  other.send(frame_header{test_token, 0, 77}, good);                                // nobody
  other.send(frame_header{test_token, 0, 1}, good);                                 // itself
  other.send(frame_header{test_token, arrivals::ahead_max, 0}, good);               // out of bounds
  other.send(wire::as_blob("short"), good);                                         // no header
  other.send(frame_header{test_token + 1, 0, 0}, std::vector<std::byte>(1U << 20),  // not fetched
             UCP_AM_SEND_FLAG_RNDV);
  const auto dropped = [&](std::uint64_t count) {
    return pair.poll_until([&] {
      other.progress();
      return pair.at[1]->counters().dropped >= count;
    });
  };
  ASSERT_TRUE(dropped(6));
  EXPECT_EQ(pair.seen[1].count, 0u);
  EXPECT_EQ(pair.at[1]->state(0), link_state::unused);

  // The link that they pretended to be is none the worse.
  send_number(*pair.at[0], 0, 1, 5);
  ASSERT_TRUE(pair.poll_until([&] { return pair.seen[1].count == 1; }));
  EXPECT_EQ(pair.at[1]->counters().dropped, 6u);
}

TEST(LinksGarbage, InAFrameOfAKnownNodeIsDroppedAndCounted) {
  nodes pair{2};
  stranger zero{pair.at[1]->address()};  // in the place of node 0
  zero.send(frame_header{test_token, 0, 0}, record(worker_of(0), worker_of(1), 8));
  zero.send(frame_header{test_token, 0, 0}, record(worker_of(0), worker_of(1), 8));  // twice
  zero.send(frame_header{test_token, 1, 0}, record(worker_of(1), worker_of(1), 8));  // not its own
  zero.send(frame_header{test_token, 2, 0}, record(worker_of(0), worker_of(0), 8));  // not for us
  zero.send(frame_header{test_token, 3, 0}, record(worker_of(0), worker_of(1), ~0U));  // too long
  zero.send(frame_header{test_token, 4, 0}, wire::as_blob("no record"));
  zero.send(frame_header{test_token, 5, 0, static_cast<frame_kind>(99)}, {});
  zero.send(frame_header{test_token, 6, 0}, record(worker_of(0), worker_of(1), 8));
  ASSERT_TRUE(pair.poll_until([&] {
    zero.progress();
    return pair.seen[1].count == 2;
  }));
  EXPECT_EQ(pair.at[1]->counters().dropped, 6u);
}

}  // namespace
}  // namespace mobula::ucx
