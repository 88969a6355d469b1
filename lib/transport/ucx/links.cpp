#include "transport/ucx/links.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <utility>

namespace mobula::ucx {
namespace {

// Enough to empty the sockets after a burst, few enough to leave the scheduler its turn.
constexpr int progress_rounds_max = 16;

[[noreturn]] void broken_rule(const char* rule, unsigned long long value) {
  std::fprintf(stderr, "mobula: links: %s (%llu)\n", rule, value);
  std::abort();
}

}  // namespace

links::links(wire::node_id self, std::uint64_t job_token, link_settings settings)
    : self_{self},
      job_token_{job_token},
      settings_{settings},
      pool_{settings.batch_bytes, settings.kept_bytes_max},
      worker_{settings.nodes_expected, settings.rma, &links::on_frame, this} {}

links::~links() { end_all(); }

void links::end_all() {
  for (link& one : links_) {
    if (one.state != link_state::open) continue;
    one.broken = one.cut = true;
    ask_attention(one);
  }
  settle(nullptr);
  // Forced closes end without the peer; each hands back the frames that were in flight. An agreed
  // close that the peer never finished is left to the worker's end.
  constexpr int rounds_max = 10'000;
  for (int round = 0; round < rounds_max && (!closings_.empty() || operations_ != 0); ++round) {
    worker_.progress();
    check_closings();
  }
}

void links::set_addresses(std::vector<std::vector<std::byte>> addresses) {
  if (!links_.empty()) broken_rule("addresses were set before, nodes", links_.size());
  links_.resize(addresses.size());
  for (std::size_t node = 0; node < addresses.size(); ++node) {
    links_[node].home = this;
    links_[node].node = static_cast<wire::node_id>(node);
    links_[node].address = std::move(addresses[node]);
  }
}

// ---- sending

std::byte* links::begin(wire::node_id to, wire::process_id from_process,
                        wire::process_id to_process, std::size_t size) {
  if (writing_ != nullptr) broken_rule("begin before the last commit, to node", writing_->node);
  if (to >= links_.size() || to == self_) broken_rule("no link to this node", to);
  link& one = links_[to];
  writing_ = &one;
  if (one.state == link_state::unused && !leaving_) first_use(one);
  if (one.state != link_state::open || one.broken || one.goodbye_queued) {
    discarded_.resize(size);
    return discarded_.data();
  }
  const std::size_t whole = sizeof(record_header) + size;
  if (one.open && one.open->room() < whole) one.ready.push_back(std::move(one.open));
  frame_ptr& room = whole > settings_.batch_bytes ? large_ : one.open;
  if (!room) room = pool_.take(whole);
  const record_header head{from_process.bits(), to_process.bits(), size};
  std::memcpy(room->end(), &head, sizeof head);
  std::byte* const message = room->end() + sizeof head;
  room->used += whole;
  one.backlog_bytes += whole;
  ++counters_.messages_sent;
  return message;
}

void links::commit() {
  if (writing_ == nullptr) broken_rule("commit without begin", 0);
  link& one = *std::exchange(writing_, nullptr);
  if (large_) one.ready.push_back(std::move(large_));
  if (one.open || !one.ready.empty()) mark_dirty(one);
}

void links::flush() {
  // Not from inside UCX's callbacks: poll ends with a flush.
  if (receiver_ != nullptr) return;
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    dirty_[i]->dirty = false;
    push(*dirty_[i]);
  }
  dirty_.clear();
}

void links::push(link& to) {
  if (to.state != link_state::open || to.broken) return;
  if (to.endpoint == nullptr) connect(to);
  // What finds no room in flight stays where it is: `on_sent` marks the link again, and until then
  // the open frame gathers more.
  while (!to.broken && to.in_flight < settings_.in_flight_max) {
    frame_ptr next = next_outgoing(to);
    if (!next) break;
    start_send(to, std::move(next));
  }
}

frame_ptr links::next_outgoing(link& to) {
  if (to.ready.empty()) return std::move(to.open);
  frame_ptr next = std::move(to.ready.front());
  to.ready.pop_front();
  return next;
}

void links::start_send(link& to, frame_ptr next) {
  next->header.job_token = job_token_;
  next->header.from = self_;
  next->header.sequence = to.next_sequence++;
  next->link = &to;
  ++counters_.frames_sent;
  counters_.bytes_sent += sizeof next->header + next->used;

  ucp_request_param_t param{};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA | UCP_OP_ATTR_FIELD_FLAGS;
  param.cb.send = &links::on_sent;
  param.user_data = next.get();
  // Left to itself UCX begins a rendezvous at some 10 KB, three messages where one would do.
  param.flags =
      next->used <= settings_.batch_bytes ? UCP_AM_SEND_FLAG_EAGER : UCP_AM_SEND_FLAG_RNDV;
  const ucs_status_ptr_t request =
      ucp_am_send_nbx(to.endpoint, endpoint_worker::message_id, &next->header, sizeof next->header,
                      next->bytes.get(), next->used, &param);
  if (UCS_PTR_IS_ERR(request)) {
    to.broken = true;
    ask_attention(to);
  } else if (request != nullptr) {
    ++to.in_flight;
    next.release();  // comes back through on_sent
    return;
  }
  sent(to, std::move(next));
}

void links::on_sent(void* request, ucs_status_t /*a failure reaches on_error too*/, void* sent) {
  frame_ptr done{static_cast<frame*>(sent)};
  link& to = *static_cast<link*>(done->link);
  --to.in_flight;
  links& self = *to.home;
  self.mark_dirty(to);
  self.sent(to, std::move(done));
  ucp_request_free(request);
}

void links::sent(link& to, frame_ptr done) {
  to.backlog_bytes -= done->used;
  if (done->header.kind == frame_kind::goodbye) to.goodbye_sent = true;
  if (to.goodbye_sent) ask_attention(to);
  pool_.give(std::move(done));
}

// ---- receiving

std::size_t links::poll(node_receiver& receiver) {
  if (links_.empty()) return 0;  // a frame could not be attributed yet
  if (receiver_ != nullptr) broken_rule("poll inside poll", 0);
  receiver_ = &receiver;
  handed_over_ = 0;
  moved_ = false;
  // An answer goes out before another look at the sockets: each look is a system call.
  for (int round = 0; round < progress_rounds_max && worker_.progress(); ++round) {
    moved_ = true;
    if (!dirty_.empty()) break;
  }
  settle(&receiver);
  receiver_ = nullptr;
  flush();
  return handed_over_;
}

ucs_status_t links::on_frame(void* self, const void* header, std::size_t header_size, void* body,
                             std::size_t size, const ucp_am_recv_param_t* param) {
  links& here = *static_cast<links*>(self);
  frame_header head;
  if (here.receiver_ == nullptr || header_size != sizeof head) {
    ++here.counters_.dropped;
    return UCS_OK;
  }
  std::memcpy(&head, header, sizeof head);
  return here.take_frame(head, body, size, (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0);
}

ucs_status_t links::take_frame(const frame_header& header, void* body, std::size_t size,
                               bool rendezvous) {
  if (header.job_token != job_token_ || header.from >= links_.size() || header.from == self_) {
    ++counters_.dropped;
    return UCS_OK;
  }
  link& from = links_[header.from];
  const bool ended = from.state > link_state::open || from.cut || from.goodbye_received;
  if (ended || !from.incoming.fits(header.sequence)) {
    ++counters_.dropped;
    return UCS_OK;
  }
  ++counters_.frames_received;
  if (from.state == link_state::unused) first_use(from);
  if (rendezvous) {
    fetch(from, header, body, size);
    return UCS_INPROGRESS;
  }
  const wire::blob content{static_cast<const std::byte*>(body), size};
  if (from.incoming.is_next(header.sequence)) {
    accept(from, header.kind, content);
    from.incoming.pass();
    accept_held(from);
    return UCS_OK;
  }
  frame_ptr copy = pool_.take(size);
  copy->header = header;
  copy->used = size;
  if (size != 0) std::memcpy(copy->bytes.get(), body, size);
  from.incoming.hold(header.sequence, std::move(copy));
  return UCS_OK;
}

void links::fetch(link& from, const frame_header& header, void* descriptor, std::size_t size) {
  from.incoming.reserve(header.sequence);
  frame_ptr arriving = pool_.take(size);
  arriving->header = header;
  arriving->used = size;
  arriving->link = &from;

  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.recv_am = &links::on_fetched;
  param.user_data = arriving.get();
  const ucs_status_ptr_t request =
      ucp_am_recv_data_nbx(worker_.handle(), descriptor, arriving->bytes.get(), size, &param);
  if (UCS_PTR_IS_PTR(request)) {
    arriving.release();  // comes back through on_fetched
    return;
  }
  fetched(std::move(arriving), UCS_PTR_STATUS(request));
}

void links::on_fetched(void* request, ucs_status_t status, std::size_t /*size*/, void* arriving) {
  frame_ptr done{static_cast<frame*>(arriving)};
  links& self = *static_cast<link*>(done->link)->home;
  self.fetched(std::move(done), status);
  ucp_request_free(request);
}

void links::fetched(frame_ptr arriving, ucs_status_t status) {
  link& from = *static_cast<link*>(arriving->link);
  if (from.state != link_state::open || receiver_ == nullptr) return;
  if (status != UCS_OK) {
    // A hole in the order: nothing behind it can be delivered any more.
    from.broken = true;
    ask_attention(from);
    return;
  }
  const std::uint64_t sequence = arriving->header.sequence;
  from.incoming.hold(sequence, std::move(arriving));
  accept_held(from);
}

void links::accept_held(link& from) {
  while (frame_ptr held = from.incoming.take()) {
    accept(from, held->header.kind, held->content());
    pool_.give(std::move(held));
  }
}

void links::accept(link& from, frame_kind kind, wire::blob content) {
  switch (kind) {
    case frame_kind::goodbye:
      from.goodbye_received = true;
      ask_attention(from);
      return;
    case frame_kind::heartbeat:
      return;
    case frame_kind::records:
      break;
    default:
      ++counters_.dropped;
      return;
  }
  const bool well_formed =
      each_record(content, [&](wire::process_id sender, wire::process_id to, wire::blob message) {
        // A node speaks for its own processes only, and to ours.
        if (!sender || sender.node() != from.node || !to || to.node() != self_) return false;
        if (from.cut) return true;
        ++counters_.messages_received;
        ++handed_over_;
        receiver_->on_message(sender, to, message);
        return true;
      });
  if (!well_formed) ++counters_.dropped;
}

void links::on_error(void* broken, ucp_ep_h /*endpoint*/, ucs_status_t /*status*/) {
  link& one = *static_cast<link*>(broken);
  one.broken = true;
  one.home->ask_attention(one);
}

// ---- the life of a link

void links::first_use(link& one) {
  one.state = link_state::open;
  ++open_count_;
  // Connect also where the other side began and nothing is to be said: its death is only seen by
  // an endpoint of our own.
  mark_dirty(one);
  if (leaving_) ask_attention(one);
}

void links::mark_dirty(link& one) {
  if (one.dirty) return;
  one.dirty = true;
  dirty_.push_back(&one);
}

void links::ask_attention(link& one) {
  if (one.attention) return;
  one.attention = true;
  attention_.push_back(&one);
}

void links::connect(link& one) {
  std::string failure;
  one.endpoint = worker_.connect(one.address, &links::on_error, &one, failure);
  if (one.endpoint != nullptr) return;
  std::fprintf(stderr, "mobula: node %u can't reach node %u: %s\n", unsigned{self_},
               unsigned{one.node}, failure.c_str());
  one.broken = true;
  ask_attention(one);
}

void links::say_goodbye() {
  leaving_ = true;
  for (link& one : links_) {
    if (one.state == link_state::open) ask_attention(one);
  }
}

void links::cut(wire::node_id node) {
  if (node >= links_.size() || node == self_) broken_rule("no link to cut to node", node);
  link& one = links_[node];
  if (one.state == link_state::unused) {
    one.state = link_state::down;
  } else if (one.state == link_state::open) {
    one.broken = one.cut = true;
    ask_attention(one);
  }
}

void links::settle(node_receiver* receiver) {
  for (std::size_t i = 0; i < attention_.size(); ++i) {
    attention_[i]->attention = false;
    attend(*attention_[i], receiver);
  }
  attention_.clear();
  check_closings();
}

void links::attend(link& one, node_receiver* receiver) {
  if (one.state != link_state::open) return;
  if (one.broken) {
    end_broken(one, receiver);
    return;
  }
  if (leaving_ && !one.goodbye_queued) queue_goodbye(one);
  const bool quiet = one.in_flight == 0 && one.operations == 0;
  if (one.goodbye_sent && one.goodbye_received && quiet) close_agreed(one);
}

void links::queue_goodbye(link& to) {
  to.goodbye_queued = true;
  if (to.open) to.ready.push_back(std::move(to.open));
  frame_ptr last = pool_.take(0);
  last->header.kind = frame_kind::goodbye;
  to.ready.push_back(std::move(last));
  mark_dirty(to);
}

void links::close_agreed(link& one) {
  // Flushing, so that our goodbye is out before the socket closes; it can't hang on the peer's
  // silence, since the peer has still to read that goodbye.
  one.state = link_state::closing;
  const ucp_request_param_t param{};
  closings_.push_back({ucp_ep_close_nbx(one.endpoint, &param), &one});
}

void links::end_broken(link& one, node_receiver* receiver) {
  const bool report = !one.goodbye_received && !one.cut;
  one.state = one.goodbye_received ? link_state::closed : link_state::down;
  --open_count_;
  if (one.endpoint != nullptr) {
    ucp_request_param_t param{};
    param.op_attr_mask = UCP_OP_ATTR_FIELD_FLAGS;
    param.flags = UCP_EP_CLOSE_FLAG_FORCE;
    closings_.push_back({ucp_ep_close_nbx(std::exchange(one.endpoint, nullptr), &param), nullptr});
  }
  one.incoming.clear();
  // What is in flight comes back through on_sent, and is counted there.
  for (const frame_ptr& unsent : one.ready) one.backlog_bytes -= unsent->used;
  if (one.open) one.backlog_bytes -= one.open->used;
  one.ready.clear();
  one.open.reset();
  if (report && receiver != nullptr) receiver->on_link_down(one.node);
}

void links::check_closings() {
  for (std::size_t i = 0; i < closings_.size();) {
    const closing one = closings_[i];
    const bool pending = UCS_PTR_IS_PTR(one.request);
    if (pending && ucp_request_check_status(one.request) == UCS_INPROGRESS) {
      ++i;
      continue;
    }
    if (pending) ucp_request_free(one.request);
    if (one.agreed != nullptr) {
      one.agreed->state = link_state::closed;
      one.agreed->endpoint = nullptr;
      --open_count_;
    }
    closings_[i] = closings_.back();
    closings_.pop_back();
  }
}

ucp_ep_h links::begin_operation(wire::node_id node) {
  if (node >= links_.size() || node == self_) return nullptr;
  link& one = links_[node];
  if (one.state == link_state::unused && !leaving_) first_use(one);
  if (one.state != link_state::open || one.broken || one.goodbye_queued) return nullptr;
  if (one.endpoint == nullptr) connect(one);
  if (one.endpoint != nullptr) {
    ++one.operations;
    ++operations_;
  }
  return one.endpoint;
}

void links::end_operation(wire::node_id node) {
  link& one = links_.at(node);
  --one.operations;
  --operations_;
  if (one.goodbye_sent) ask_attention(one);
}

bool links::arm() {
  // A close is finished by progress alone; nothing need become readable.
  if (!attention_.empty() || !dirty_.empty() || !closings_.empty()) return false;
  return worker_.arm();
}

std::string links::lanes(wire::node_id node) {
  const link& one = links_.at(node);
  if (one.endpoint == nullptr) return {};
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* memory = open_memstream(&text, &size);
  if (memory == nullptr) return {};
  ucp_ep_print_info(one.endpoint, memory);
  std::fclose(memory);
  std::string copy{text, size};
  std::free(text);
  return copy;
}

// Each of UCX's lanes is on a line of its own: "lane[0]:  2:tcp/eth0.0 md[1] ...".
std::string links::transports() {
  std::set<std::string> names;
  for (std::size_t node = 0; node < links_.size(); ++node) {
    std::istringstream lines{lanes(static_cast<wire::node_id>(node))};
    for (std::string line; std::getline(lines, line);) {
      const std::size_t lane = line.find("lane[");
      const std::size_t name =
          lane == line.npos ? line.npos : line.find(':', line.find(':', lane) + 1);
      const std::size_t end = name == line.npos ? line.npos : line.find('/', name);
      if (end != line.npos) names.insert(line.substr(name + 1, end - name - 1));
    }
  }
  std::string all;
  for (const std::string& one : names) all += (all.empty() ? "" : ", ") + one;
  return all;
}

std::string links::version() { return ucp_get_version_string(); }

}  // namespace mobula::ucx
