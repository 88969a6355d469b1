#include "core/spilling.hpp"

#include <utility>

#include "core/invariant.hpp"

namespace mobula::core {

namespace {

constexpr const char* unmapped =
    "the node's scheduler can't map the memory of its store; see the limits of its address space "
    "(ulimit -v, vm.max_map_count)";

}  // namespace

void spilling::add(copy& one) {
  one.used_ns = now_ns_;
  order(one.replica).push_back(one);
  bytes_in_memory_ += one.name.size_bytes;
}

void spilling::release(copy& one) {
  const std::uint64_t size = one.name.size_bytes;
  switch (one.is_in) {
    case residence::memory:
      order(one.replica).remove(one);
      leave_memory(one);
      give_back(one.range);
      break;
    case residence::disk:
      bytes_on_disk_ -= size;
      give_back(one.range);
      break;
    case residence::leaving:
    case residence::returning:
      abandon(one);
      break;
  }
}

// Its memory and disk are in use until the job has ended.
void spilling::abandon(const copy& one) {
  const auto at = job_of_.find(&one);
  invariant(at != job_of_.end(), "a copy on its way has a job", one.name.extent, one.name.offset);
  job& left = jobs_.at(at->second);
  left.whose = nullptr;
  left.owner_ended = kept_.owner_ends();
  job_of_.erase(at);
  const std::uint64_t size = one.name.size_bytes;
  if (one.is_in == residence::leaving) bytes_leaving_ -= size;
  bytes_in_memory_ -= size;
  bytes_ending_ += size;
}

void spilling::leave_memory(copy& one) {
  bytes_in_memory_ -= one.name.size_bytes;
  memory_.release(one.place);
}

void spilling::used(copy& one) {
  one.used_ns = now_ns_;
  if (one.is_in != residence::memory) return;
  order(one.replica).remove(one);
  order(one.replica).push_back(one);
}

void spilling::promote(copy& one) {
  order(true).remove(one);
  one.replica = false;
  one.used_ns = now_ns_;
  order(false).push_back(one);
}

bool spilling::leave(copy& one) {
  const std::uint64_t size = one.name.size_bytes;
  if (one.range != 0) {
    order(one.replica).remove(one);
    leave_memory(one);
    one.is_in = residence::disk;
    bytes_on_disk_ += size;
    return true;
  }
  const auto bytes = memory_.bytes(one.place);
  if (!bytes) {
    refusal_ = unmapped;
    return false;
  }
  const auto range = disk_->take(size);
  if (!range) {
    refusal_ = disk_->full();
    return false;
  }
  refusal_.clear();
  order(one.replica).remove(one);
  one.range = *range;
  one.is_in = residence::leaving;
  one.wanted = false;
  bytes_leaving_ += size;
  disk_->write(begin({ended::left, &one, one.place, *range}), *range, *bytes);
  return true;
}

bool spilling::forget_written() {
  bool any = false;
  for (copy* one = order(false).front(); one; one = one->next) {
    any |= one->range != 0;
    give_back(std::exchange(one->range, 0));
  }
  return any;
}

bool spilling::bring_back(copy& one, const wire::location& block) {
  const auto bytes = memory_.bytes(block);
  if (!bytes) {
    memory_.release(block);
    return false;
  }
  const std::uint64_t size = one.name.size_bytes;
  one.place = block;
  one.is_in = residence::returning;
  bytes_on_disk_ -= size;
  bytes_in_memory_ += size;
  const std::uint64_t token = begin({ended::came_back, &one, block, one.range});
  disk_->read(token, one.range, 0, *bytes);
  return true;
}

std::uint64_t spilling::begin(job one) {
  if (one.whose) job_of_[one.whose] = last_token_ + 1;
  jobs_.emplace(++last_token_, one);
  return last_token_;
}

std::uint64_t spilling::read(spill_disk::range from, std::uint64_t offset,
                             std::span<std::byte> into) {
  const std::uint64_t token = begin({ended::part, nullptr, {}, from});
  disk_->read(token, from, offset, into);
  return token;
}

spilling::end spilling::on_disk(std::uint64_t token, const std::string& failure) {
  const auto at = jobs_.find(token);
  invariant(at != jobs_.end(), "what ends on disk was begun", token);
  const job done = at->second;
  jobs_.erase(at);
  if (done.what == ended::part) return {ended::part, nullptr};
  copy* const one = done.whose;
  if (!one) {
    bytes_ending_ -= done.block.size_bytes;
    // Where its owner has ended, somebody may be reading it still.
    const auto release = [&] { memory_.release(done.block); };
    done.owner_ended ? kept_.at_owners_end(release) : release();
    give_back(done.range);
    return {};
  }
  job_of_.erase(one);
  const std::uint64_t size = one->name.size_bytes;
  if (done.what == ended::came_back) {
    if (failure.empty()) {
      one->is_in = residence::memory;
      one->used_ns = now_ns_;
      order(one->replica).push_back(*one);
    } else {
      leave_memory(*one);
      one->is_in = residence::disk;
      bytes_on_disk_ += size;
    }
    return {ended::came_back, one};
  }
  bytes_leaving_ -= size;
  one->is_in = residence::memory;
  if (!failure.empty()) {
    give_back(std::exchange(one->range, 0));
    refusal_ = failure;
  }
  one->used_ns = now_ns_;
  order(one->replica).push_back(*one);
  if (!failure.empty() || std::exchange(one->wanted, false)) return {ended::stayed, one};
  leave(*one);
  return {ended::left, one};
}

void spilling::give_back(spill_disk::range one) {
  if (one == 0) return;
  if (const auto at = held_.find(one); at != held_.end()) {
    at->second.given_back = true;
  } else {
    disk_->give_back(one);
    refusal_.clear();
  }
}

void spilling::let_go(spill_disk::range one) {
  const auto at = held_.find(one);
  invariant(at != held_.end() && at->second.holds != 0, "holds of a range add up", one);
  if (--at->second.holds != 0) return;
  const bool given_back = at->second.given_back;
  held_.erase(at);
  if (!given_back) return;
  disk_->give_back(one);
  refusal_.clear();
}

}  // namespace mobula::core
