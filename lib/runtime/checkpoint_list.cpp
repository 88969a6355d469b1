#include "runtime/checkpoint_list.hpp"

#include <array>
#include <bit>
#include <cstdio>
#include <span>

#include "launch/number_in.hpp"
#include "mobula/errors.hpp"
#include "runtime/checksum.hpp"

namespace mobula::detail {

namespace {

using launch::number_in;

constexpr std::string_view magic = "mobula checkpoint ";
constexpr std::string_view version = "1";
constexpr std::string_view prefix = "mobula.";
constexpr std::string_view object_suffix = ".object";
constexpr std::string_view saving_suffix = ".saving";
constexpr std::size_t generation_digits = 16;
constexpr std::string_view byte_order =
    std::endian::native == std::endian::little ? "little" : "big";

std::string hex(std::uint64_t number) {
  std::array<char, generation_digits + 1> room{};
  std::snprintf(room.data(), room.size(), "%016llx", static_cast<unsigned long long>(number));
  return room.data();
}

std::uint64_t checksum_of(std::string_view text) {
  checksum sum;
  sum.add(std::as_bytes(std::span{text}));
  return sum.value();
}

/// Takes a list apart, line by line, once it is known to be whole.
class lines {
 public:
  lines(std::string_view text, const std::string& path) : rest_{text}, path_{path} {}

  [[noreturn]] void refuse() const {
    throw checkpoint_error{"'" + path_ +
                           "' does not say what a checkpoint says: another program wrote it, or "
                           "changed it; take another checkpoint"};
  }
  std::string_view next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) refuse();
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  std::string_view value_of(std::string_view name) {
    std::string_view line = next();
    if (!line.starts_with(name)) refuse();
    line.remove_prefix(name.size());
    return line;
  }
  std::uint64_t number(std::string_view text, int base) const {
    const auto number = number_in<std::uint64_t>(text, base);
    if (!number) refuse();
    return *number;
  }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  const std::string& path_;
};

/// The list without its last line, which is right.
std::string_view checked(std::string_view text, const std::string& path) {
  constexpr std::string_view last = "\nend ";
  const std::size_t end = text.rfind(last);
  const bool is_whole =
      end != std::string_view::npos && text.ends_with('\n') &&
      number_in<std::uint64_t>(text.substr(end + last.size(), text.size() - end - last.size() - 1),
                               16) == checksum_of(text.substr(0, end + 1));
  if (!is_whole)
    throw checkpoint_error{"'" + path +
                           "' is torn or was changed: it does not end as it was written; restore "
                           "it from a copy, or take another checkpoint"};
  return text.substr(0, end + 1);
}

}  // namespace

std::string object_file(std::uint64_t generation, std::uint64_t index) {
  return std::string{prefix} + hex(generation) + "." + std::to_string(index) +
         std::string{object_suffix};
}

std::string saving_file(std::uint64_t generation) {
  return std::string{prefix} + hex(generation) + std::string{saving_suffix};
}

std::optional<std::uint64_t> generation_of(std::string_view file) {
  if (!file.starts_with(prefix)) return std::nullopt;
  file.remove_prefix(prefix.size());
  if (file.size() < generation_digits) return std::nullopt;
  const auto generation = number_in<std::uint64_t>(file.substr(0, generation_digits), 16);
  file.remove_prefix(generation_digits);
  if (!generation || file == saving_suffix) return generation;
  if (!file.starts_with('.') || !file.ends_with(object_suffix)) return std::nullopt;
  file.remove_prefix(1);
  file.remove_suffix(std::min(file.size(), object_suffix.size()));
  return number_in<std::uint64_t>(file, 10) ? generation : std::nullopt;
}

std::string checkpoint_list::text() const {
  std::string all = std::string{magic} + std::string{version} + "\n";
  all += "type " + type + "\n";
  all += "layout " + hex(layout) + "\n";
  all += "byte order " + std::string{byte_order} + "\n";
  all += "generation " + hex(generation) + "\n";
  all += "objects " + std::to_string(objects.size()) + ": file, bytes, checksum\n";
  for (std::size_t i = 0; i < objects.size(); ++i)
    all += object_file(generation, i) + " " + std::to_string(objects[i].size_bytes) + " " +
           hex(objects[i].checksum) + "\n";
  return all + "end " + hex(checksum_of(all)) + "\n";
}

bool is_a_list(std::string_view text) { return text.starts_with(magic); }

checkpoint_list read_list(std::string_view text, const std::string& path) {
  if (!is_a_list(text))
    throw checkpoint_error{"'" + path +
                           "' is no list of a checkpoint: it was not written by mobula::save; give "
                           "the folder of a checkpoint"};
  const std::string_view written_as = text.substr(magic.size(), text.find('\n') - magic.size());
  if (written_as != version)
    throw checkpoint_error{"'" + path + "' is written in form " + std::string{written_as} +
                           " by another version of Mobula, and this one reads form " +
                           std::string{version} + ": load it with a program of that version"};
  lines from{checked(text, path), path};
  from.next();
  checkpoint_list list;
  list.type = from.value_of("type ");
  list.layout = from.number(from.value_of("layout "), 16);
  if (const std::string_view order = from.value_of("byte order "); order != byte_order)
    throw checkpoint_error{"'" + path + "' is of a machine with " + std::string{order} +
                           "-endian numbers, and this one's are " + std::string{byte_order} +
                           "-endian: load it on a machine of that kind"};
  list.generation = from.number(from.value_of("generation "), 16);
  const std::string_view count = from.value_of("objects ");
  const std::uint64_t objects = from.number(count.substr(0, count.find(':')), 10);
  for (std::uint64_t i = 0; i < objects; ++i) {
    const std::string_view numbers = from.value_of(object_file(list.generation, i) + " ");
    const std::size_t space = numbers.find(' ');
    if (space == std::string_view::npos) from.refuse();
    list.objects.push_back(
        {from.number(numbers.substr(0, space), 10), from.number(numbers.substr(space + 1), 16)});
  }
  if (!from.at_end()) from.refuse();
  return list;
}

}  // namespace mobula::detail
