#include "store/warm_ahead.hpp"

#include <algorithm>
#include <system_error>

#include "store/populate.hpp"
#include "store/signals_blocked.hpp"

namespace mobula::store {

warm_ahead::~warm_ahead() {
  {
    const std::scoped_lock held{lock_};
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void warm_ahead::add(std::uint32_t extent, int file, std::uint64_t offset,
                     std::uint64_t size_bytes) {
  {
    const std::scoped_lock held{lock_};
    line_.push_back({extent, file, offset, size_bytes});
  }
  changed_.notify_all();
  if (thread_.joinable()) return;
  const signals_blocked here;
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error&) {
    // Without a thread the memory comes where it is touched.
    line_.clear();
  }
}

void warm_ahead::drop(std::uint32_t extent) {
  std::unique_lock held{lock_};
  std::erase_if(line_, [extent](const pages& one) { return one.extent == extent; });
  changed_.wait(held, [&] { return now_.size_bytes == 0 || now_.extent != extent; });
}

void warm_ahead::finish() {
  std::unique_lock held{lock_};
  changed_.wait(held, [this] { return line_.empty() && now_.size_bytes == 0; });
}

void warm_ahead::run() {
  std::unique_lock held{lock_};
  for (;;) {
    changed_.wait(held, [this] { return ending_ || !line_.empty(); });
    if (ending_) return;
    pages& first = line_.front();
    now_ = first;
    now_.size_bytes = std::min(first.size_bytes, piece_bytes);
    first.offset += now_.size_bytes;
    first.size_bytes -= now_.size_bytes;
    if (first.size_bytes == 0) line_.pop_front();
    held.unlock();
    const bool done = populate(now_.file, now_.offset, now_.size_bytes);
    held.lock();
    now_.size_bytes = 0;
    // Whoever needs the memory will hear of it; there is no sense in taking it ahead.
    if (!done) line_.clear();
    changed_.notify_all();
  }
}

}  // namespace mobula::store
