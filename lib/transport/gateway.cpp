#include "transport/gateway.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "wire/codec.hpp"
#include "wire/messages.hpp"

namespace mobula::transport {
namespace {

[[noreturn]] void broken(const char* what, wire::process_id self, wire::process_id other) {
  std::fprintf(stderr, "mobula: gateway of node %u: %s (process %u.%u)\n", unsigned{self.node()},
               what, unsigned{other.node()}, other.incarnation());
  std::abort();
}

void copy(std::byte* room, wire::blob message) {
  if (!message.empty()) std::memcpy(room, message.data(), message.size());
}

}  // namespace

gateway::gateway(ring::port& local, ucx::links* remote) : local_{local}, remote_{remote} {
  local_.set_relay(this);
}

gateway::~gateway() { local_.set_relay(nullptr); }

std::byte* gateway::begin(wire::process_id to, std::size_t size) {
  if (target_ != target::none) broken("begin before the last commit", local_.self(), to);
  if (is_here(to)) {
    target_ = target::local;
    return local_.begin(to, size);
  }
  if (!is_reachable(to)) {
    // Somebody's message named a process that can't be.
    target_ = target::nowhere;
    discarded_.resize(size);
    return discarded_.data();
  }
  target_ = target::remote;
  return begin_remote(local_.self(), to, size);
}

void gateway::commit() {
  switch (std::exchange(target_, target::none)) {
    case target::local:
      local_.commit();
      break;
    case target::remote:
      remote_->commit();
      break;
    case target::nowhere:
      ++dropped_;
      break;
    case target::none:
      broken("commit without begin", local_.self(), local_.self());
  }
}

std::byte* gateway::begin_remote(wire::process_id from, wire::process_id to, std::size_t size) {
  return remote_->begin(to.node(), from, to, size);
}

void gateway::flush() {
  local_.flush();
  if (remote_ != nullptr) remote_->flush();
}

bool gateway::congested(wire::process_id to) const {
  if (is_here(to)) return local_.congested(to);
  return is_reachable(to) && remote_->backlog_bytes(to.node()) > backlog_bytes_congested;
}

std::size_t gateway::poll(wire::receiver& to, std::size_t budget) {
  if (receiver_ != nullptr) broken("poll within poll", local_.self(), local_.self());
  receiver_ = &to;
  // The network first: the port's flush then shows processes here what came for them, and the
  // links' flush sends in one frame what all of them had for a node.
  std::size_t handled = remote_ == nullptr ? 0 : remote_->poll(*this);
  handled += local_.poll(to, budget);
  if (remote_ != nullptr) remote_->flush();
  receiver_ = nullptr;
  return handled;
}

std::optional<std::uint64_t> gateway::prepare_sleep(std::uint64_t now_ns) {
  if (remote_ != nullptr) remote_->flush();
  const auto ticket = local_.prepare_sleep(now_ns);
  if (!ticket) return std::nullopt;
  if (remote_ != nullptr && !remote_->arm()) {
    local_.awake();
    return std::nullopt;
  }
  return ticket->deadline_ns;
}

void gateway::on_forward(wire::process_id from, wire::process_id to, wire::blob message) {
  // A process of ours may have been told nonsense; that must not cost the node its scheduler.
  if (!is_reachable(to)) {
    ++dropped_;
    return;
  }
  copy(begin_remote(from, to, message.size()), message);
  remote_->commit();
}

void gateway::on_message(wire::process_id from, wire::process_id to, wire::blob message) {
  if (to == local_.self()) {
    receiver_->on_message(from, message);
    return;
  }
  copy(local_.begin_forward(from, to, message.size()), message);
  local_.commit();
  // Its end was told before the sender was there to hear of it, if that could hear at all.
  if (local_.state_of(to) == ring::channel::state::ended)
    wire::send(*this, from, wire::process_ended{{to}});
}

void gateway::on_link_down(wire::node_id node) {
  receiver_->on_closed(wire::process_id::scheduler_of(node));
}

}  // namespace mobula::transport
