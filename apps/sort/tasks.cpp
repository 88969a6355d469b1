#include "sort/tasks.hpp"

#include <algorithm>

#include "sort/output_file.hpp"
#include "sort/part_order.hpp"
#include "sort/splitters.hpp"

namespace sorting {

namespace {

// What is read or written at once: enough for a disk, and still in the cache for its next use.
constexpr std::size_t chunk_records = 10'000;

/// Calls `use(begin, records)` for chunk after chunk of what `fill(begin, room)` fills.
void in_chunks(std::size_t count, auto&& fill, auto&& use) {
  records room(std::min(count, chunk_records));
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

std::vector<partition> partition_slice(const slice& from, std::span<const place> splitters) {
  std::vector<partition> made(splitters.size() + 2);
  // Room for all that is likely, so that it isn't moved while it grows.
  const std::uint64_t likely = from.count / (splitters.size() + 1);
  for (std::size_t i = 1; i < made.size(); ++i) {
    std::get<records>(made[i]).reserve(likely + likely / 8 + 16);
  }
  summary& all = std::get<summary>(made.front());
  slice_reader reader{from};
  in_chunks(
      from.count, [&](std::size_t begin, std::span<record> room) { reader.read(begin, room); },
      [&](std::size_t begin, std::span<const record> chunk) {
        all.add(chunk);
        std::uint64_t position = from.first + begin;
        for (const record& each : chunk) {
          const std::uint32_t part = part_of(place_of(each, position++), splitters);
          std::get<records>(made[part + 1]).push_back(each);
        }
      });
  return made;
}

sorted_file merge_part(const std::vector<mobula::object_ref<partition>>& of_each_slice,
                       const std::string& path, bool to_disk) {
  output_file file{path};
  {
    const auto slices = mobula::get(of_each_slice);
    std::vector<std::span<const record>> runs;
    for (const auto& each : slices) runs.emplace_back(std::get<records>(each));
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
