#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "transport/ucx/arrivals.hpp"
#include "transport/ucx/endpoint_worker.hpp"
#include "transport/ucx/frame.hpp"
#include "transport/ucx/node_receiver.hpp"
#include "wire/ids.hpp"

namespace mobula::ucx {

struct link_settings {
  /// For UCX's choice of transports.
  std::size_t nodes_expected = 2;
  /// Messages that are ready together travel in frames of at most this size, eagerly: one TCP
  /// segment (64 KiB) less UCX's and our headers. A larger message is a rendezvous of its own.
  std::size_t batch_bytes = 60 * 1024;
  /// Frames of a link that UCX may hold at a time. Beyond, messages gather in larger batches.
  std::size_t in_flight_max = 16;
  /// Frames kept for their next use, all links together.
  std::size_t kept_bytes_max = 64U << 20;
  /// Whether memory of other nodes is to be read over the links (remote_reads).
  bool rma = true;
};

/// What a test or a status page may ask.
struct link_counters {
  std::uint64_t frames_sent = 0;
  std::uint64_t bytes_sent = 0;  // in these
  std::uint64_t frames_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_received = 0;
  /// Frames without the job's token, from nobody, twice, or malformed; and messages in them that
  /// their sender had no right to.
  std::uint64_t dropped = 0;
};

/// How a link between two nodes goes through its life. Each node has an endpoint of its own; UCX
/// joins the two into one connection, also when both begin at once.
///
/// | from    | on                                                      | to      |
/// |---------|---------------------------------------------------------|---------|
/// | unused  | first message to the node, or first frame from it       | open    |
/// | open    | both goodbyes have passed: flushing close               | closing |
/// | open    | UCX reports an error, cut(): forced close               | down    |
/// | open    | the same after the node's goodbye                       | closed  |
/// | closing | close completed                                         | closed  |
///
/// Nothing leaves closed and down: a node that is gone does not come back under its number.
enum class link_state : std::uint8_t { unused, open, closing, closed, down };

/// The links of a node's gateway to those of all others, over UCX.
///
/// For each pair of nodes: in order whatever the size, at most once, then `on_link_down` or
/// silence after an agreed end. Sending never blocks: what the network does not take is kept, see
/// `backlog_bytes`. Not thread-safe; `poll` must not be called from a receiver.
class links {
 public:
  /// Opens the network but connects to nobody.
  /// @throws std::runtime_error if UCX finds no usable network
  links(wire::node_id self, std::uint64_t job_token, link_settings settings = {});
  /// Ends what is still open without a goodbye.
  ~links();
  links(const links&) = delete;
  links& operator=(const links&) = delete;

  std::vector<std::byte> address() const { return worker_.address(); }
  /// Every node's address, by node. Once, before the first message; nothing is received earlier.
  void set_addresses(std::vector<std::vector<std::byte>> addresses);

  /// How many nodes there are; 0 before their addresses are set.
  std::size_t nodes() const { return links_.size(); }

  /// Room for one message to a process of another node; ends with `commit`. After a link has ended
  /// the message is dropped.
  std::byte* begin(wire::node_id to, wire::process_id from_process, wire::process_id to_process,
                   std::size_t size);
  void commit();
  /// Hands to the network what was committed; without it, a message may wait for the next poll.
  void flush();
  /// Receives, reports broken links, and flushes.
  /// @return messages handed over
  std::size_t poll(node_receiver& receiver);
  /// Whether the last poll found the network at work, even if no message came of it: reads of
  /// memory, in either direction, move bytes for long without one.
  bool moved() const { return moved_; }

  /// Readable when there is something to poll for, if `arm` returned true since the last poll.
  int event_fd() const { return worker_.event_fd(); }
  /// False: there is something to do; poll before sleeping.
  bool arm();

  /// Nothing follows what was sent so far. Links end when both sides have said so; poll until
  /// `all_closed`, or until patience ends.
  void say_goodbye();
  bool all_closed() const { return leaving_ && open_count_ == 0; }
  std::size_t open_links() const { return open_count_; }
  /// Somebody else found that `node` is dead (its heartbeats stopped): ends the link at once, even
  /// if the network has not noticed. Reports nothing.
  void cut(wire::node_id node);

  /// Ends what is still open, without a goodbye, and all that is under way with it. Reports
  /// nothing.
  void end_all();

  /// For an operation of somebody else on the link to that node: where it goes; null if that has
  /// ended. `end_operation` follows, when UCX says that it is done: if the link breaks it says so
  /// in a later poll. An agreed end waits for it.
  ucp_ep_h begin_operation(wire::node_id node);
  void end_operation(wire::node_id node);
  ucp_context_h context() { return worker_.context(); }

  link_state state(wire::node_id node) const { return links_.at(node).state; }
  /// Bytes that wait for the network; admission of new work looks at this.
  std::size_t backlog_bytes(wire::node_id node) const { return links_.at(node).backlog_bytes; }
  /// The transports and devices that UCX really uses for an open link, one lane a line.
  std::string lanes(wire::node_id node);
  /// What it uses towards those nodes that it is connected with: "tcp", "rc_mlx5, tcp".
  std::string transports();
  /// UCX's.
  static std::string version();
  const link_counters& counters() const { return counters_; }

 private:
  struct link {
    links* home = nullptr;
    wire::node_id node = 0;
    link_state state = link_state::unused;
    // UCX reported an error, or somebody cut it; acted on after progress, never inside it.
    bool broken = false;
    bool cut = false;
    bool dirty = false;      // stands in dirty_
    bool attention = false;  // stands in attention_
    bool goodbye_queued = false;
    bool goodbye_sent = false;
    bool goodbye_received = false;
    std::vector<std::byte> address;
    ucp_ep_h endpoint = nullptr;
    // Outgoing, in this order: in flight, ready, open.
    std::uint64_t next_sequence = 0;
    std::size_t in_flight = 0;
    std::size_t operations = 0;  // of others
    std::size_t backlog_bytes = 0;
    std::deque<frame_ptr> ready;
    frame_ptr open;
    arrivals incoming;
  };
  struct closing {
    void* request = nullptr;
    link* agreed = nullptr;  // null: a forced close, of which nobody waits to hear
  };

  static ucs_status_t on_frame(void* self, const void* header, std::size_t header_size, void* body,
                               std::size_t size, const ucp_am_recv_param_t* param);
  static void on_fetched(void* request, ucs_status_t status, std::size_t size, void* arriving);
  static void on_sent(void* request, ucs_status_t status, void* sent);
  static void on_error(void* broken, ucp_ep_h endpoint, ucs_status_t status);

  ucs_status_t take_frame(const frame_header& header, void* body, std::size_t size,
                          bool rendezvous);
  void fetch(link& from, const frame_header& header, void* descriptor, std::size_t size);
  void fetched(frame_ptr arriving, ucs_status_t status);
  void accept(link& from, frame_kind kind, wire::blob content);
  void accept_held(link& from);

  void first_use(link& one);
  void mark_dirty(link& one);
  void ask_attention(link& one);
  void connect(link& one);
  void push(link& to);
  frame_ptr next_outgoing(link& to);
  void start_send(link& to, frame_ptr next);
  void sent(link& to, frame_ptr done);

  void settle(node_receiver* receiver);
  void attend(link& one, node_receiver* receiver);
  void queue_goodbye(link& to);
  void close_agreed(link& one);
  void end_broken(link& one, node_receiver* receiver);
  void check_closings();

  const wire::node_id self_;
  const std::uint64_t job_token_;
  const link_settings settings_;
  frame_pool pool_;
  std::vector<link> links_;
  std::vector<link*> dirty_;      // have something to send, and room in flight
  std::vector<link*> attention_;  // broken, or on their way to an agreed end
  std::vector<closing> closings_;
  std::size_t open_count_ = 0;
  std::size_t operations_ = 0;  // of others, on all links
  bool leaving_ = false;
  node_receiver* receiver_ = nullptr;  // while polling
  std::size_t handed_over_ = 0;
  bool moved_ = false;
  // Between begin and commit.
  link* writing_ = nullptr;
  frame_ptr large_;                   // a message with a frame of its own
  std::vector<std::byte> discarded_;  // room for a message that is dropped
  link_counters counters_;
  endpoint_worker worker_;  // last: it goes first, and its callbacks use all above
};

}  // namespace mobula::ucx
