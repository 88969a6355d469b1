#include "sort/slice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "sort/make.hpp"
#include "sort/random_bits.hpp"

namespace sorting {

namespace {

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw std::runtime_error{fmt::format("{}: {}", path, why)};
}

}  // namespace

std::vector<slice> slices_to_make(std::uint64_t records, std::uint64_t seed,
                                  std::uint64_t slice_records) {
  std::vector<slice> slices;
  for (std::uint64_t first = 0; first < records; first += slice_records) {
    slices.push_back(
        {.first = first, .count = std::min(slice_records, records - first), .seed = seed});
  }
  return slices;
}

std::vector<slice> slices_of(std::span<const apps::found_file> files, std::uint64_t slice_records) {
  std::vector<slice> slices;
  std::uint64_t first = 0;
  for (auto& split : apps::cut(files, slice_records * record_bytes)) {
    const std::uint64_t count = split.size_bytes / record_bytes;
    slices.push_back({.first = first, .count = count, .pieces = std::move(split.pieces)});
    first += count;
  }
  return slices;
}

apps::found_file input_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto status = fs::status(path, error);
  if (error) fail(path, error.message());
  if (!fs::is_regular_file(status)) fail(path, "is no regular file");
  try {
    apps::input_file{path};
  } catch (const std::system_error& unreadable) {
    fail(path, unreadable.code().message());
  }
  const std::uint64_t size = fs::file_size(path, error);
  if (error) fail(path, error.message());
  if (size % record_bytes != 0) {
    fail(path,
         fmt::format("its {} bytes are no multiple of {}, which a record has", size, record_bytes));
  }
  return {path, size};
}

slice_reader::slice_reader(const slice& from) : from_{from} {
  std::uint64_t end = 0;
  for (const auto& piece : from.pieces) ends_.push_back(end += piece.end - piece.begin);
}

void slice_reader::open(std::size_t piece) {
  if (file_ && (piece == opened_ || from_.pieces[piece].path == from_.pieces[opened_].path)) return;
  file_.emplace(from_.pieces[piece].path);
  opened_ = piece;
}

void slice_reader::read(std::uint64_t begin, std::span<record> room) {
  if (from_.pieces.empty()) return make_records(from_.seed, from_.first + begin, room);
  std::uint64_t at = begin * record_bytes;
  for (auto left = bytes_of(room); !left.empty();) {
    const auto end = std::ranges::upper_bound(ends_, at);
    const auto& piece = from_.pieces.at(static_cast<std::size_t>(end - ends_.begin()));
    std::size_t size = 0;
    try {
      open(static_cast<std::size_t>(end - ends_.begin()));
      size = file_->read(piece.end - (*end - at),
                         left.first(std::min<std::uint64_t>(left.size(), *end - at)));
    } catch (const std::system_error& error) {
      fail(piece.path, error.code().message());
    }
    if (size == 0) fail(piece.path, "has become shorter while it was read");
    at += size;
    left = left.subspan(size);
  }
}

std::vector<place> sample_of(const slice& from, std::uint64_t count) {
  count = std::min(count, from.count);
  slice_reader reader{from};
  std::vector<place> sample;
  sample.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t begin = from.count / count * i + std::min(i, from.count % count);
    const std::uint64_t length = from.count / count + (i < from.count % count ? 1 : 0);
    std::uint64_t bits = random_bits(0, from.first + begin);
    const std::uint64_t chosen = begin + take_below(length, bits);
    record seen;
    reader.read(chosen, {&seen, 1});
    sample.push_back(place_of(seen, from.first + chosen));
  }
  return sample;
}

}  // namespace sorting
