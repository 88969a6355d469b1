#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "mobula/detail/backend.hpp"
#include "mobula/errors.hpp"
#include "store/large_copy.hpp"

// The bytes' part of encoder and decoder. What they do with refs needs a process around them, and
// stands elsewhere.

namespace mobula::detail {

namespace {

// Large buffers are fresh memory each time; filling that takes a third of the time in large pages.
constexpr std::size_t large_page_bytes = std::size_t{2} << 20;
constexpr std::size_t large_bytes = 2 * large_page_bytes;

std::byte* allocate(std::size_t bytes) {
  if (bytes < large_bytes) return new std::byte[bytes];
  void* room = ::operator new (bytes, std::align_val_t{large_page_bytes});
  ::madvise(room, bytes / large_page_bytes * large_page_bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(room);
}

void deallocate(std::byte* room, std::size_t bytes) noexcept {
  if (bytes < large_bytes) {
    delete[] room;
  } else {
    ::operator delete (room, std::align_val_t{large_page_bytes});
  }
}

}  // namespace

void encoder::grow(std::size_t more) {
  // A large value comes in one write: it gets what it needs, and doubling serves the small ones.
  const std::size_t capacity = std::max(size_ + more, 2 * capacity_);
  std::byte* room = allocate(capacity);
  std::memcpy(room, begin_, size_);
  const std::size_t written = size_;
  release_buffer();
  begin_ = room;
  size_ = written;
  capacity_ = capacity;
}

void encoder::release_buffer() noexcept {
  if (begin_ != inline_) deallocate(begin_, capacity_);
  begin_ = inline_;
  size_ = 0;
  capacity_ = inline_bytes;
}

// Each stands behind so many bytes that were copied.
struct encoder::kept_pieces {
  struct piece {
    std::size_t behind = 0;
    std::span<const std::byte> bytes;
  };
  std::vector<piece> all;
  std::size_t size = 0;
};

// What finds no room in the buffer, which has none once the value is elsewhere.
bool encoder::is_elsewhere(const void* bytes, std::size_t size) {
  if (sink_) {
    pour(bytes, size);
  } else if (is_again_) {
    place(bytes, size);
  } else if (measured_ != 0) {
    measured_ += size;
  } else if (lasting_ && size >= kept_bytes_min) {
    if (!kept_) kept_ = new kept_pieces;
    kept_->all.push_back({size_, {static_cast<const std::byte*>(bytes), size}});
    kept_->size += size;
  } else if (again_ && size_ + size > measured_bytes_min) {
    begin_measuring(size);
  } else {
    return false;
  }
  return true;
}

void encoder::pour(const void* bytes, std::size_t size) {
  pour_rest();
  if (size > capacity_) {
    sink_->take({static_cast<const std::byte*>(bytes), size});
  } else {
    std::memcpy(begin_, bytes, size);
    size_ = size;
  }
}

void encoder::pour_rest() { sink_->take({begin_, std::exchange(size_, 0)}); }

void encoder::begin_measuring(std::size_t size) {
  measured_ = this->size() + size;
  delete std::exchange(kept_, nullptr);
  release_buffer();
  capacity_ = 0;
}

void encoder::place(const void* bytes, std::size_t size) {
  if (size > room_.size()) {
    throw error("a value of " + std::to_string(measured_) +
                " bytes became larger while it was written: its type's serialize does not write "
                "the same each time, or another thread changes it");
  }
  store::large_copy(room_.data(), static_cast<const std::byte*>(bytes), size);
  room_ = room_.subspan(size);
}

void encoder::write_again(std::byte* room) {
  room_ = {room, measured_};
  is_again_ = true;
  // What its serialize puts on the way has another name the second time. Held until all is written,
  // since it may also have the same.
  const std::vector<handle> first_refs = std::exchange(refs_, {});
  struct end {
    encoder& whose;
    ~end() { whose.is_again_ = false; }
  };
  {
    const end at_last{*this};
    again_(writer_);
  }
  if (!room_.empty()) {
    throw error(
        "a value of " + std::to_string(measured_) + " bytes became smaller, by " +
        std::to_string(room_.size()) +
        ", while it was written: its type's serialize does not write the same each time, or "
        "another thread changes it");
  }
}

std::size_t encoder::whole_size() const { return measured_ != 0 ? measured_ : size_ + kept_->size; }

void encoder::copy_to(std::byte* room) {
  if (measured_ != 0) return write_again(room);
  std::size_t copied = 0;
  const auto copy_until = [&](std::size_t end) {
    std::memcpy(room, begin_ + copied, end - copied);
    room += end - copied;
    copied = end;
  };
  if (kept_) {
    for (const auto& piece : kept_->all) {
      copy_until(piece.behind);
      store::large_copy(room, piece.bytes.data(), piece.bytes.size());
      room += piece.bytes.size();
    }
  }
  copy_until(size_);
}

void encoder::gather() {
  const std::size_t whole = whole_size();
  std::byte* room = allocate(whole);
  try {
    copy_to(room);
  } catch (...) {
    deallocate(room, whole);
    throw;
  }
  release_buffer();
  delete std::exchange(kept_, nullptr);
  measured_ = 0;
  begin_ = room;
  size_ = capacity_ = whole;
}

encoder::~encoder() { clear(); }

void encoder::clear() noexcept {
  delete std::exchange(kept_, nullptr);
  release_buffer();
  again_ = nullptr;
  measured_ = 0;
  array_ = nullptr;
  refs_.clear();
}

std::size_t decoder::checked_count(std::uint64_t count, std::size_t size_each) {
  if (size_each != 0 && count > rest_.size() / size_each) {
    throw error("the bytes of a value claim " + std::to_string(count) + " elements of at least " +
                std::to_string(size_each) + " bytes each where " + std::to_string(rest_.size()) +
                " bytes are left: it was written as another type than it is read as, its type's "
                "serialize reads other than it writes, or the processes of the job run different "
                "programs");
  }
  return count;
}

void decoder::too_short(std::size_t wanted) const {
  throw error("a value's bytes end too early: " + std::to_string(wanted) + " wanted, " +
              std::to_string(rest_.size()) +
              " left: its type's serialize reads other than it writes, or the processes of the job "
              "run different programs");
}

}  // namespace mobula::detail
