#include "sort/tasks.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>

#include "sort/output_file.hpp"
#include "sort/part_order.hpp"
#include "sort/splitters.hpp"

namespace sorting {

namespace {

// What is read or written at once: enough for a disk, and still in the cache for its next use.
constexpr std::size_t chunk_records = 10'000;

/// Calls `use(begin, records)` for chunk after chunk of what `fill(begin, room)` fills.
void in_chunks(std::size_t count, auto&& fill, auto&& use) {
  std::vector<record> room(std::min(count, chunk_records));
  for (std::size_t begin = 0; begin < count; begin += room.size()) {
    const std::span<record> chunk{room.data(), std::min(room.size(), count - begin)};
    fill(begin, chunk);
    use(begin, std::span<const record>{chunk});
  }
}

}  // namespace

std::vector<place> sample_slice(const slice& from, std::uint64_t count) {
  return sample_of(from, count);
}

std::vector<run> partition_slice(const slice& from, std::span<const place> splitters) {
  // All of it, so that parts are counted before there is room for them, and written once.
  const auto room = std::make_unique_for_overwrite<record[]>(from.count);
  const std::span whole{room.get(), from.count};
  std::vector<std::uint32_t> part(from.count);
  std::vector<std::size_t> sizes(splitters.size() + 1);
  summary all;
  slice_reader reader{from};
  for (std::size_t begin = 0; begin < whole.size(); begin += chunk_records) {
    const std::size_t end = std::min(begin + chunk_records, whole.size());
    const auto chunk = whole.subspan(begin, end - begin);
    reader.read(begin, chunk);
    all.add(chunk);
    for (std::size_t i = begin; i < end; ++i) {
      part[i] = part_of(place_of(whole[i], from.first + i), splitters);
      ++sizes[part[i]];
    }
  }

  std::vector<mobula::shared_array<record>> parts;
  parts.reserve(sizes.size());
  std::vector<record*> next;
  for (const std::size_t size : sizes) next.push_back(parts.emplace_back(size).data());
  for (std::size_t i = 0; i < whole.size(); ++i) *next[part[i]]++ = whole[i];

  // The parts of a result are of one type: so the summary takes a record's place.
  mobula::shared_array<record> first(1, record{});
  static_assert(sizeof all <= record_bytes && std::is_trivially_copyable_v<summary>);
  std::memcpy(first.front().bytes.data(), &all, sizeof all);
  std::vector<run> made;
  made.emplace_back(std::move(first));
  for (auto& each : parts) made.emplace_back(std::move(each));
  return made;
}

summary summary_in(const run& first) {
  summary all;
  std::memcpy(&all, first.front().bytes.data(), sizeof all);
  return all;
}

sorted_file merge_part(const std::vector<mobula::object_ref<run>>& of_each_slice,
                       const std::string& path, bool to_disk) {
  output_file file{path};
  {
    const auto slices = mobula::get(of_each_slice);
    std::vector<std::span<const record>> runs;
    for (const auto& each : slices) runs.emplace_back(each.data(), each.size());
    const part_order order{std::move(runs)};
    in_chunks(
        order.size(), [&](std::size_t begin, std::span<record> room) { order.copy(begin, room); },
        [&](std::size_t, std::span<const record> chunk) { file.write(bytes_of(chunk)); });
  }
  file.finish(to_disk);
  return check_sorted(path);
}

summary copy_slice(const slice& from, const std::string& path, bool to_disk) {
  output_file file{path};
  slice_reader reader{from};
  summary all;
  in_chunks(
      from.count, [&](std::size_t begin, std::span<record> room) { reader.read(begin, room); },
      [&](std::size_t, std::span<const record> chunk) {
        all.add(chunk);
        file.write(bytes_of(chunk));
      });
  file.finish(to_disk);
  return all;
}

}  // namespace sorting
