#include "launch/seats.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mobula::launch {

namespace {

epoll_event event_for(std::uint32_t events, std::uint32_t from, std::uint32_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = std::uint64_t{from} << 32 | key;
  return event;
}

}  // namespace

seats::seats(std::uint32_t own_rank, child_recipe common, std::optional<seat_door> door)
    : own_rank_{own_rank},
      own_children_{std::move(common)},
      door_{std::move(door)},
      epoll_{::epoll_create1(EPOLL_CLOEXEC)},
      news_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
  if (!epoll_ || !news_) {
    throw start_error{std::string{"can't watch the seats of this node: "} + std::strerror(errno)};
  }
  watch(news_.get(), source::news, 0);
  watch(own_children_.descriptor(), source::own_children, 0);
  if (door_) watch(door_->descriptor(), source::door, 0);
}

void seats::watch(int number, source from, std::uint32_t key) {
  epoll_event event = event_for(EPOLLIN, static_cast<std::uint32_t>(from), key);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, number, &event);
}

void seats::poll(seats_listener& listener) {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t word = events[static_cast<std::size_t>(i)].data.u64;
    take_event(static_cast<source>(word >> 32), static_cast<std::uint32_t>(word), listener);
  }
}

void seats::take_event(source from, std::uint32_t key, seats_listener& listener) {
  switch (from) {
    case source::door:
      let_in();
      break;
    case source::own_children:
      for (const nursery::end& one : own_children_.collect()) {
        end_child(one.incarnation, one.status.text(), blame::child, listener);
      }
      break;
    case source::news: {
      eventfd_t ignored = 0;
      ::eventfd_read(news_.get(), &ignored);
      for (const auto& [incarnation, why] : std::exchange(refused_, {})) {
        end_child(incarnation, why, blame::child, listener);
      }
      break;
    }
    case source::seat:
      hear(key, listener);
      break;
    case source::orphan:
      if (const auto found = children_.find(key); found != children_.end()) {
        end_child(key, "ended with its seat, rank " + std::to_string(found->second.rank),
                  blame::seat, listener);
      }
      break;
  }
}

void seats::let_in() {
  while (auto channel = door_->accept()) {
    const std::uint32_t seat = next_seat_++;
    watch(channel->descriptor(), source::seat, seat);
    remote_.emplace(seat, remote_seat{std::move(*channel), std::nullopt, false});
  }
}

void seats::hear(std::uint32_t seat, seats_listener& listener) {
  record_channel::record record;
  for (;;) {
    // Looked up again each time: what is told may change anything.
    const auto found = remote_.find(seat);
    if (found == remote_.end()) return;
    found->second.channel.flush();
    const auto outcome = found->second.channel.receive(record);
    if (outcome == record_channel::outcome::nothing) return update_room(seat);
    if (outcome == record_channel::outcome::closed || !take_record(seat, record, listener)) {
      return lose(seat, listener);
    }
  }
}

bool seats::take_record(std::uint32_t seat, record_channel::record& record,
                        seats_listener& listener) {
  remote_seat& from = remote_.at(seat);
  if (!from.rank) {
    const auto join = decode_record<seat_join>(record.bytes);
    if (!join || !door_ || join->token != door_->address().token) return false;
    from.rank = join->rank;
    listener.seat_joined(join->rank);
    return true;
  }
  const auto child_of_seat = [&](std::uint32_t incarnation) -> started_child* {
    const auto found = children_.find(incarnation);
    return found != children_.end() && found->second.seat == seat ? &found->second : nullptr;
  };
  if (const auto started = decode_record<seat_started>(record.bytes)) {
    if (started_child* child = child_of_seat(started->incarnation)) {
      child->pid = started->pid;
      child->watched = std::move(record.with);
    }
    return true;
  }
  if (const auto refused = decode_record<seat_refused>(record.bytes)) {
    if (child_of_seat(refused->incarnation) != nullptr) {
      end_child(refused->incarnation, refused->why, blame::child, listener);
    }
    return true;
  }
  if (const auto ended = decode_record<seat_ended>(record.bytes)) {
    if (child_of_seat(ended->incarnation) != nullptr) {
      end_child(ended->incarnation, exit_status{ended->end, ended->number}.text(), blame::child,
                listener);
    }
    return true;
  }
  return false;
}

void seats::lose(std::uint32_t seat, seats_listener& listener) {
  const std::optional<std::uint32_t> rank = remote_.at(seat).rank;
  remote_.erase(seat);
  // Its children die with it, but not at the same instant: each is told when it has.
  std::vector<std::uint32_t> never_started;
  for (auto& [incarnation, child] : children_) {
    if (child.seat != seat) continue;
    if (child.watched) {
      watch(child.watched.get(), source::orphan, incarnation);
    } else {
      never_started.push_back(incarnation);
    }
  }
  if (rank) listener.seat_lost(*rank);
  for (const std::uint32_t incarnation : never_started) {
    end_child(incarnation,
              "not started: its seat, rank " + std::to_string(rank.value_or(0)) + ", has ended",
              blame::seat, listener);
  }
}

void seats::end_child(std::uint32_t incarnation, const std::string& how, blame whose,
                      seats_listener& listener) {
  const auto found = children_.find(incarnation);
  if (found == children_.end()) return;
  const started_child& child = found->second;
  const bool failed = !child.entered && !child.signalled && whose == blame::child;
  if (child.watched) {
    // The seat may still hold a copy of the descriptor, so that closing ours would not take it out.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.watched.get(), nullptr);
  }
  children_.erase(found);
  if (failed) ++failures_;
  listener.child_ended(incarnation, how);
  if (failed && failures_ == failures_max) listener.children_fail(how);
}

std::uint32_t seats::least_busy() const {
  std::map<std::uint32_t, std::size_t> load{{own_seat, 0}};
  for (const auto& [seat, one] : remote_) {
    if (one.rank) load[seat] = 0;
  }
  for (const auto& [incarnation, child] : children_) {
    if (const auto found = load.find(child.seat); found != load.end()) ++found->second;
  }
  std::uint32_t best = own_seat;
  for (const auto& [seat, count] : load) {
    if (count < load[best]) best = seat;
  }
  return best;
}

void seats::start(std::uint32_t incarnation, std::string text, environment variables,
                  const hardware::thread_set& threads) {
  const std::uint32_t seat = least_busy();
  started_child& child = children_[incarnation];
  child.seat = seat;
  if (seat != own_seat) {
    child.rank = *remote_.at(seat).rank;
    send(seat, encode_record(
                   seat_start{incarnation, std::move(text), std::move(variables), threads.text()}));
    return;
  }
  child.rank = own_rank_;
  try {
    child.pid =
        own_children_.start(incarnation, std::move(text), std::move(variables), threads).pid();
  } catch (const start_error& error) {
    // Told from `poll`, like every other end.
    refused_.emplace_back(incarnation, error.what());
    ::eventfd_write(news_.get(), 1);
  }
}

void seats::entered(std::uint32_t incarnation) {
  const auto found = children_.find(incarnation);
  if (found == children_.end()) return;
  found->second.entered = true;
  failures_ = 0;
}

void seats::signal(std::uint32_t incarnation, int number) {
  const auto found = children_.find(incarnation);
  if (found == children_.end()) return;
  found->second.signalled = true;
  if (found->second.seat == own_seat) {
    own_children_.signal(incarnation, number);
  } else if (remote_.contains(found->second.seat)) {
    send(found->second.seat, encode_record(seat_signal{incarnation, number}));
  }
}

void seats::dismiss() {
  for (auto& [seat, one] : remote_) send(seat, encode_record(seat_leave{}));
}

void seats::send(std::uint32_t seat, std::string bytes) {
  remote_.at(seat).channel.send({std::move(bytes), {}});
  update_room(seat);
}

void seats::update_room(std::uint32_t seat) {
  remote_seat& one = remote_.at(seat);
  if (one.waits_for_room == one.channel.keeps_some()) return;
  one.waits_for_room = one.channel.keeps_some();
  epoll_event event = event_for(one.waits_for_room ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                static_cast<std::uint32_t>(source::seat), seat);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, one.channel.descriptor(), &event);
}

pid_t seats::pid_of(std::uint32_t incarnation) const {
  const auto found = children_.find(incarnation);
  return found == children_.end() ? 0 : found->second.pid;
}

}  // namespace mobula::launch
