#include "launch/nursery.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mobula::launch {

nursery::nursery(child_recipe common)
    : common_{std::move(common)}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
  if (!epoll_) throw start_error{std::string{"can't watch processes: "} + std::strerror(errno)};
}

const child& nursery::start(std::uint32_t incarnation, std::string start, environment variables,
                            const hardware::thread_set& threads) {
  child_recipe recipe = common_;
  recipe.start = std::move(start);
  recipe.more_variables = std::move(variables);
  if (!threads.empty()) recipe.threads = threads;
  child started{recipe};
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = incarnation;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, started.descriptor(), &event) != 0) {
    throw start_error{std::string{"can't watch a child process: "} + std::strerror(errno)};
  }
  return children_.insert_or_assign(incarnation, std::move(started)).first->second;
}

void nursery::signal(std::uint32_t incarnation, int number) {
  if (const auto found = children_.find(incarnation); found != children_.end()) {
    found->second.signal(number);
  }
}

std::vector<nursery::end> nursery::collect() {
  std::vector<end> ended;
  std::array<epoll_event, 64> events;
  int count = 0;
  do {
    count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  } while (count < 0 && errno == EINTR);
  for (int i = 0; i < count; ++i) {
    const auto found = children_.find(events[static_cast<std::size_t>(i)].data.u32);
    if (found == children_.end()) continue;
    // A pipe is closed a moment before its child can be waited for: next time, then.
    const auto status = found->second.ended();
    if (!status) continue;
    ended.push_back({found->first, *status});
    // Others may hold the descriptor open, so closing it would leave it in here.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.descriptor(), nullptr);
    children_.erase(found);
  }
  return ended;
}

pid_t nursery::pid_of(std::uint32_t incarnation) const {
  const auto found = children_.find(incarnation);
  return found == children_.end() ? 0 : found->second.pid();
}

}  // namespace mobula::launch
