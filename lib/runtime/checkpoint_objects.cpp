// The file of one object of a checkpoint: a header, then the value.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "mobula/detail/checkpoint.hpp"
#include "mobula/errors.hpp"
#include "runtime/aligned_bytes.hpp"
#include "runtime/checkpoint_io.hpp"
#include "runtime/checkpoint_list.hpp"
#include "runtime/checksum.hpp"

namespace mobula::detail {

namespace {

struct file_header {
  char magic[16] = "mobula object\n\n";
  std::uint64_t version = 1;
  std::uint64_t generation = 0;
  std::uint64_t index = 0;
  std::uint64_t reserved[3] = {};
  bool operator==(const file_header&) const = default;
};
static_assert(sizeof(file_header) == 64 && std::has_unique_object_representations_v<file_header>);

std::span<const std::byte> bytes_of(const file_header& header) {
  return std::as_bytes(std::span{&header, 1});
}

std::string path_of(const file_order& what) {
  return what.folder + "/" + object_file(what.generation, what.index);
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

[[noreturn]] void refuse(const std::string& path, const char* what_is_wrong) {
  throw checkpoint_error{"'" + path + "' " + what_is_wrong +
                         ": restore it from a copy, or take another checkpoint"};
}

// What is read and looked at while it is in the cache.
constexpr std::size_t piece_bytes = std::size_t{1} << 20;

}  // namespace

struct object_writer::state final : byte_sink {
  explicit state(const file_order& where) : path{path_of(where)} {
    if (!is_there(where.folder + "/" + saving_file(where.generation)))
      throw checkpoint_error{this_node() + " does not see the folder '" + where.folder +
                             "' into which the program saves: take one on a file system that all "
                             "nodes of the job see"};
    file = launch::descriptor{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!file) throw_io_error("write", path);
    encoded.pour_into(*this);
    file_header header;
    header.generation = where.generation;
    header.index = where.index;
    take(bytes_of(header));
  }
  ~state() {
    if (!is_finished && file) ::unlink(path.c_str());
  }

  void take(std::span<const std::byte> bytes) override {
    size += bytes.size();
    if (bytes.size() > piece_bytes - room.size()) leave();
    if (bytes.size() <= piece_bytes) {
      room.insert(room.end(), bytes.begin(), bytes.end());
      return;
    }
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece_bytes, bytes.size())))
      put(bytes.first(std::min(piece_bytes, bytes.size())));
  }
  void leave() {
    put(room);
    room.clear();
  }
  void put(std::span<const std::byte> piece) {
    sum.add(piece);
    write_all(file.get(), piece, path);
  }

  std::string path;
  launch::descriptor file;
  encoder encoded;
  std::vector<std::byte> room;
  std::uint64_t size = 0;
  checksum sum;
  bool is_finished = false;
};

object_writer::object_writer(const file_order& where) : state_{std::make_shared<state>(where)} {}

object_writer::~object_writer() = default;

encoder& object_writer::bytes() { return state_->encoded; }

saved_object object_writer::finish() {
  state_->encoded.pour_rest();
  state_->leave();
  make_safe(state_->file.get(), state_->path);
  state_->is_finished = true;
  return {state_->size, state_->sum.value()};
}

struct object_reader::state {
  explicit state(const file_order& what) : path{path_of(what)}, order{what} {
    // Of what is no file, opening may wait for ever.
    file = launch::descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file && errno == ENOENT) throw_missing();
    if (!file) throw_io_error("read", path);
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) throw_io_error("read", path);
    file_header header;
    const auto room = std::as_writable_bytes(std::span{&header, 1});
    if (!S_ISREG(facts.st_mode)) refuse(path, "is no file of a checkpoint");
    if (read_some(file.get(), room, path) != room.size()) refuse(path, "is torn");
    look_at(header);
    if (static_cast<std::uint64_t>(facts.st_size) != what.size_bytes)
      refuse(path, ("is torn: it has " + std::to_string(facts.st_size) + " bytes of " +
                    std::to_string(what.size_bytes))
                       .c_str());
    sum.add(bytes_of(header));
    left = what.size_bytes - sizeof header;
  }

  [[noreturn]] void throw_missing() const {
    if (is_there(order.folder + "/" + std::string{list_file}))
      refuse(path, "is missing (or the checkpoint was replaced by another one meanwhile)");
    throw checkpoint_error{this_node() + " does not see '" + path +
                           "', which the program loads: the folder must be on a file system that "
                           "all nodes of the job see"};
  }

  void look_at(const file_header& found) const {
    file_header wanted;
    if (std::memcmp(found.magic, wanted.magic, sizeof wanted.magic) != 0)
      refuse(path, "is no file of a checkpoint, or its beginning was changed");
    if (found.version != wanted.version)
      throw checkpoint_error{"'" + path + "' was written by another version of Mobula: load it " +
                             "with a program of that version"};
    wanted.generation = order.generation;
    wanted.index = order.index;
    if (found.generation != wanted.generation) refuse(path, "belongs to another checkpoint");
    if (found != wanted) refuse(path, "is another object's, or its beginning was changed");
  }

  std::string path;
  file_order order;
  launch::descriptor file;
  std::uint64_t left = 0;
  checksum sum;
};

object_reader::object_reader(const file_order& what) : state_{std::make_shared<state>(what)} {}

object_reader::~object_reader() = default;

std::uint64_t object_reader::left() const { return state_->left; }

void object_reader::read(std::byte* to, std::size_t size_bytes) {
  if (size_bytes > left()) refuse(state_->path, "ends within its value");
  for (std::span<std::byte> into{to, size_bytes}; !into.empty();) {
    const auto piece = into.first(std::min(piece_bytes, into.size()));
    if (read_some(state_->file.get(), piece, state_->path) != piece.size())
      refuse(state_->path, "is torn");
    state_->sum.add(piece);
    into = into.subspan(piece.size());
  }
  state_->left -= size_bytes;
}

std::size_t object_reader::read_array_count(std::size_t element_bytes) {
  std::uint64_t word = 0;
  read(reinterpret_cast<std::byte*>(&word), sizeof word);
  const std::uint64_t count = word & ~array_word;
  if ((word & array_word) != array_is_here || left() % element_bytes != 0 ||
      count != left() / element_bytes)
    refuse(state_->path, "was changed: it is no array");
  return count;
}

void object_reader::finish() {
  if (left() != 0) refuse(state_->path, "has more than its value");
  if (state_->sum.value() != state_->order.checksum)
    refuse(state_->path, "was changed: its checksum is another one");
}

file_bytes read_file(const file_order& what) {
  object_reader file{what};
  const std::size_t size = file.left();
  const std::shared_ptr<std::byte> bytes = aligned_bytes(size, alignof(std::max_align_t));
  file.read(bytes.get(), size);
  file.finish();
  return {{bytes.get(), size}, bytes};
}

void check_is_read(const decoder& bytes, const file_order& from) {
  if (bytes.left() == 0) return;
  throw checkpoint_error{"'" + path_of(from) + "' has " + std::to_string(bytes.left()) +
                         " bytes more than this program reads of it: the type's serialize was "
                         "another one when it was saved; load it with that program"};
}

}  // namespace mobula::detail
