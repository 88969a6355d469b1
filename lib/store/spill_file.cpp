#include "store/spill_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "store/file_blocks.hpp"
#include "store/spill_folder.hpp"
#include "store/store_size.hpp"
#include "wire/invariant.hpp"

namespace mobula::store {

std::uint64_t default_spill_bytes(std::uint64_t free_bytes) { return free_bytes / 5 * 4; }

std::unique_ptr<spill_file> spill_file::open(const spill_options& options, std::string& refusal) {
  descriptor file = open_unnamed_file(options.folder, options.by_name);
  if (!file) {
    refusal = spill_failure("make", options.folder, errno);
    return nullptr;
  }
  const bool punches =
      ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
  std::unique_ptr<spill_file> made{new spill_file{options, std::move(file), punches}};
  if (made->event() >= 0) return made;
  refusal = spill_failure("make", options.folder, EMFILE);
  return nullptr;
}

spill_file::spill_file(spill_options options, descriptor file, bool punches)
    : options_{std::move(options)},
      file_{std::move(file)},
      books_{options_.quota_bytes, punches},
      queue_{std::make_unique<file_queue>(file_.get(), options_.block_bytes)} {}

std::optional<spill_range> spill_file::take(std::uint64_t size_bytes) {
  const auto made = books_.take(size_bytes);
  punch_holes();
  return made;
}

bool spill_file::give_back(const spill_range& gone) {
  const bool known = books_.give_back(gone);
  punch_holes();
  return known;
}

void spill_file::punch_holes() {
  for (const auto& one : books_.take_holes()) queue_->punch(one.offset, one.size_bytes);
}

void spill_file::write(std::uint64_t token, const spill_range& where,
                       std::span<const std::byte> from) {
  wire::insist(from.size() <= where.size_bytes, "an object fits its range", from.size(),
               where.size_bytes);
  queue_->write(token, where.offset, from);
}

void spill_file::read(std::uint64_t token, const spill_range& where, std::span<std::byte> into) {
  wire::insist(into.size() <= where.size_bytes, "an object is read from its range", into.size(),
               where.size_bytes);
  queue_->read(token, where.offset, into);
}

std::optional<std::string> spill_file::read_now(const spill_range& where, std::uint64_t skip_bytes,
                                                std::span<std::byte> into) const {
  wire::insist(skip_bytes <= where.size_bytes && into.size() <= where.size_bytes - skip_bytes,
               "an object is read from its range", skip_bytes, into.size(), where.size_bytes);
  const int error = read_piece(file_.get(), where.offset + skip_bytes, into);
  if (error == 0) return std::nullopt;
  return spill_failure("read", options_.folder, error);
}

std::vector<spill_file::completion> spill_file::take_completions() {
  std::vector<completion> all;
  for (const auto& one : queue_->take_completions()) {
    completion& made = all.emplace_back();
    made.token = one.token;
    if (one.error != 0) made.failure = spill_failure("use", options_.folder, one.error);
  }
  return all;
}

std::string spill_file::full() const {
  return "of the " + bytes_in_words(quota_bytes()) + " that objects may have on disk in " +
         options_.folder + ", " + bytes_in_words(in_use_bytes()) +
         " are in use; let go of refs that are no longer needed, or give them more with "
         "MOBULA_SPILL_BYTES";
}

}  // namespace mobula::store
