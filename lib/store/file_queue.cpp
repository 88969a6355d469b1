#include "store/file_queue.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "store/file_blocks.hpp"
#include "store/signals_blocked.hpp"

namespace mobula::store {

file_queue::file_queue(int file, std::uint64_t block_bytes)
    : file_{file}, block_bytes_{block_bytes}, event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

file_queue::~file_queue() {
  {
    const std::scoped_lock held{lock_};
    ending_ = true;
  }
  work_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void file_queue::write(std::uint64_t token, std::uint64_t offset, std::span<const std::byte> from) {
  ++jobs_;
  add(writes_, {kind::write, token, offset, const_cast<std::byte*>(from.data()), from.size()});
}

void file_queue::read(std::uint64_t token, std::uint64_t offset, std::span<std::byte> into) {
  ++jobs_;
  add(reads_, {kind::read, token, offset, into.data(), into.size()});
}

void file_queue::punch(std::uint64_t offset, std::uint64_t size_bytes) {
  add(writes_, {kind::punch, 0, offset, nullptr, size_bytes});
}

void file_queue::add(std::deque<job>& line, job one) {
  {
    const std::scoped_lock held{lock_};
    line.push_back(one);
  }
  if (!thread_.joinable()) start();
  work_.notify_one();
}

void file_queue::start() {
  int error = 0;
  try {
    const signals_blocked here;
    thread_ = std::thread{[this] { run(); }};
  } catch (const std::system_error& refused) {
    error = refused.code().value();
  }
  if (error == 0) return;
  const std::scoped_lock held{lock_};
  for (auto* line : {&reads_, &writes_}) {
    for (const job& one : *line)
      if (one.what != kind::punch) complete(one.token, error);
    line->clear();
  }
}

void file_queue::run() {
  std::unique_lock held{lock_};
  for (;;) {
    work_.wait(held, [this] { return ending_ || !reads_.empty() || !writes_.empty(); });
    if (ending_) return;
    read_last_ = !reads_.empty() && (writes_.empty() || !read_last_);
    if (read_last_) {
      read_a_block(held);
    } else {
      write_a_block(held);
    }
  }
}

void file_queue::read_a_block(std::unique_lock<std::mutex>& held) {
  job now = reads_.front();
  reads_.pop_front();
  const std::uint64_t bytes = std::min(now.size_bytes, block_bytes_);
  held.unlock();
  const int error = read_piece(file_, now.offset, {now.memory, bytes});
  held.lock();
  if (error != 0 || bytes == now.size_bytes) return complete(now.token, error);
  now.offset += bytes;
  now.memory += bytes;
  now.size_bytes -= bytes;
  reads_.push_front(now);
}

void file_queue::write_a_block(std::unique_lock<std::mutex>& held) {
  if (const job now = writes_.front(); now.what == kind::punch) {
    writes_.pop_front();
    held.unlock();
    ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(now.offset),
                static_cast<off_t>(now.size_bytes));
    held.lock();
    return;
  }
  std::vector<file_piece> pieces;
  for (std::uint64_t room = block_bytes_; room != 0 && !writes_.empty();) {
    job& one = writes_.front();
    if (one.what == kind::punch) break;
    const std::uint64_t bytes = std::min(one.size_bytes, room);
    const bool is_last = bytes == one.size_bytes;
    pieces.push_back({one.offset, one.memory, bytes, one.token, is_last});
    room -= bytes;
    if (is_last) {
      writes_.pop_front();
    } else {
      one.offset += bytes;
      one.memory += bytes;
      one.size_bytes -= bytes;
    }
  }
  held.unlock();
  write_pieces(file_, pieces);
  held.lock();
  for (const file_piece& one : pieces) {
    if (one.is_last || one.error != 0) complete(one.token, one.error);
    // The rest of it still stands first in line.
    if (!one.is_last && one.error != 0) writes_.pop_front();
  }
}

// Under the lock.
void file_queue::complete(std::uint64_t token, int error) {
  done_.push_back({token, error});
  if (done_.size() == 1) ::eventfd_write(event_.get(), 1);
}

std::vector<file_queue::completion> file_queue::take_completions() {
  const std::scoped_lock held{lock_};
  std::uint64_t count = 0;
  if (!done_.empty()) static_cast<void>(::read(event_.get(), &count, sizeof(count)));
  jobs_ -= done_.size();
  return std::exchange(done_, {});
}

}  // namespace mobula::store
