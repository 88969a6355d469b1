// Saving and loading a folder: what happens where it is called. The files are written and read by
// tasks (checkpoint_objects.cpp).

#include <cxxabi.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <system_error>

#include "mobula/checkpoint.hpp"
#include "mobula/detail/checkpoint.hpp"
#include "mobula/errors.hpp"
#include "runtime/casts.hpp"
#include "runtime/checkpoint_io.hpp"
#include "runtime/checkpoint_list.hpp"
#include "runtime/process.hpp"

namespace mobula::detail {

namespace {

namespace fs = std::filesystem;

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

// Tasks may have another current folder.
std::string absolute(const std::string& folder) {
  if (folder.empty())
    throw std::invalid_argument{
        "the folder of a checkpoint has no name: give a path that all nodes see"};
  std::error_code error;
  const fs::path path = fs::absolute(folder, error);
  if (error) throw_io_error("find", folder, error.value());
  return path.string();
}

std::string list_in(const std::string& folder) { return folder + "/" + std::string{list_file}; }

bool means_there_is_none(int error) { return error == ENOENT || error == ENOTDIR; }

/// What stands in a file; nothing: there is none.
std::optional<std::string> text_of_file(const std::string& path) {
  const launch::descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!file && means_there_is_none(errno)) return std::nullopt;
  if (!file) throw_io_error("read", path);
  std::string text;
  constexpr std::size_t piece_bytes = 65536;
  for (std::size_t read = piece_bytes; read == piece_bytes;) {
    const std::size_t before = text.size();
    text.resize(before + piece_bytes);
    const std::span piece{text.data() + before, piece_bytes};
    read = read_some(file.get(), std::as_writable_bytes(piece), path);
    text.resize(before + read);
  }
  return text;
}

// What is not ours is not replaced either.
void check_list_may_be_replaced(const std::string& folder) {
  const std::string path = list_in(folder);
  if (const auto text = text_of_file(path); text && !is_a_list(*text))
    throw checkpoint_error{"'" + path +
                           "' is a file that mobula::save did not write, by the name of its own: "
                           "move it away, or take another folder"};
}

// With all above it that is missing; their names are safe, too.
void make_folder(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> parents;
  for (fs::path at{folder}; !at.empty() && !fs::exists(at, error); at = at.parent_path())
    parents.push_back(at.parent_path());
  fs::create_directories(folder, error);
  if (error) throw_io_error("make the folder", folder, error.value());
  for (const fs::path& one : parents) make_names_safe(one.empty() ? "." : one.string());
}

/// Where the file system has no locks, nobody waits. @returns whether it has it
bool lock(int file, int how) {
  while (::flock(file, how) != 0)
    if (errno != EINTR) return false;
  return true;
}

/// Looks which of the checkpoints in a folder are still being written, or have replaced the one
/// whose save looks.
class others_saves {
 public:
  /// @param own  the file of the save that looks: the list, unless another has replaced it
  others_saves(const std::string& folder, int own) : folder_{folder}, own_{own} {}

  bool are_needed(std::uint64_t generation) {
    const auto [known, is_new] = known_.try_emplace(generation);
    if (is_new) known->second = look(generation);
    return known->second.is_needed;
  }

 private:
  struct save {
    bool is_needed = true;
    // Of one that is over: nobody may begin by that name before its files are removed.
    launch::descriptor locked;
  };

  save look(std::uint64_t generation) const {
    const std::string path = folder_ + "/" + saving_file(generation);
    launch::descriptor file{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!file && errno != ENOENT) return {};
    // Where nothing can be locked nobody knows.
    if (file && !lock(file.get(), LOCK_EX | LOCK_NB)) return {};
    if (file && ::access(path.c_str(), F_OK) == 0) return {false, std::move(file)};
    // It was removed, or has become the list: that before it was looked for here.
    return {is_the_list(generation), {}};
  }

  bool is_the_list(std::uint64_t generation) const {
    const std::string list = list_in(folder_);
    struct stat mine {};
    struct stat there {};
    if (::fstat(own_, &mine) == 0 && ::stat(list.c_str(), &there) == 0 &&
        mine.st_ino == there.st_ino && mine.st_dev == there.st_dev)
      return false;
    try {
      const auto text = text_of_file(list);
      return text && read_list(*text, list).generation == generation;
    } catch (const checkpoint_error&) {
      return true;  // for all that is known
    }
  }

  const std::string& folder_;
  int own_;
  std::map<std::uint64_t, save> known_;
};

/// Of checkpoints that were replaced, and of saves that died. Of others nothing.
void remove_all_but(std::uint64_t generation, const std::string& folder, int own) {
  others_saves others{folder, own};
  std::error_code error;
  for (fs::directory_iterator one{folder, error}, end; !error && one != end; one.increment(error)) {
    const auto found = generation_of(one->path().filename().native());
    if (found && *found != generation && !others.are_needed(*found)) ::unlink(one->path().c_str());
  }
}

std::uint64_t random_number() {
  std::random_device source;
  return std::uint64_t{source()} << 32 | source();
}

}  // namespace

void await_made(std::span<object* const> records, const time_limit& limit) {
  const auto ready = std::make_unique<bool[]>(records.size());
  await_some(records, records.size(), limit, {ready.get(), records.size()});
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!ready[i])
      throw timed_out{
          "not all objects that were to be saved were ready within the time limit; nothing was "
          "saved"};
  }
  for (object* one : records) {
    if (record_of(one).state.load(std::memory_order_acquire) == core::object_state::failed)
      value_view{one};  // throws
  }
}

struct folder_writer::state {
  state(const std::string& where, const type_mark& type, std::size_t count)
      : folder{absolute(where)} {
    list.type = demangled(type.name);
    list.layout = type.layout;
    list.objects.reserve(count);
    make_folder(folder);
    check_list_may_be_replaced(folder);
    // Somebody may take it for a dead save's, before it is locked.
    while (!begin()) {
    }
  }

  bool begin() {
    list.generation = random_number();
    path = folder + "/" + saving_file(list.generation);
    file = launch::descriptor{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
    if (!file && errno == EEXIST) return false;
    if (!file) throw_io_error("write", path);
    lock(file.get(), LOCK_EX);
    struct stat facts {};
    return ::fstat(file.get(), &facts) == 0 && facts.st_nlink != 0;
  }

  void replace_former() {
    const std::string text = list.text();
    write_all(file.get(), std::as_bytes(std::span{text}), path);
    make_safe(file.get(), path);
    check_list_may_be_replaced(folder);
    // The names of the objects first: nobody may find a list of what is not there.
    make_names_safe(folder);
    if (::rename(path.c_str(), list_in(folder).c_str()) != 0)
      throw_io_error("write", list_in(folder));
    is_finished = true;
    make_names_safe(folder);
    remove_all_but(list.generation, folder, file.get());
  }

  void remove() const {
    for (std::size_t i = 0; i < written.size(); ++i)
      ::unlink((folder + "/" + object_file(list.generation, i)).c_str());
    ::unlink(path.c_str());
  }

  std::string folder;
  checkpoint_list list;
  std::string path;
  launch::descriptor file;
  std::vector<object_ref<saved_object>> written;  // of those that were taken, empty ones
  bool is_finished = false;
};

folder_writer::folder_writer(const std::string& folder, const type_mark& type, std::size_t count)
    : state_{std::make_shared<state>(folder, type, count)} {}

folder_writer::~folder_writer() {
  if (state_->is_finished) return;
  // What is still being written would come back. Not for ever: what it leaves goes with the next.
  using namespace std::chrono_literals;
  try {
    const std::uint64_t deadline = deadline_of(10s);
    for (const auto& one : state_->written)
      if (one) await(access::record_of(one), deadline);
  } catch (const std::exception&) {
  }
  state_->remove();
}

file_order folder_writer::order(std::size_t index) const {
  return {state_->folder, state_->list.generation, index, 0, 0};
}

task_options folder_writer::options_for(object* value) {
  task_options options{.cpus = 0};
  process& home = process::require();
  const std::lock_guard held{home.lock()};
  const core::object& saved = record_of(value);
  if (saved.state.load() == core::object_state::stored)
    options.strategy = on_node{saved.where().node, true};
  return options;
}

void folder_writer::add(object_ref<saved_object> written, std::uint64_t deadline_ns) {
  constexpr std::size_t at_once_max = 64;
  state_->written.push_back(std::move(written));
  if (const std::size_t count = state_->written.size(); count > at_once_max)
    take(count - at_once_max, deadline_ns);
}

void folder_writer::take(std::size_t until, std::uint64_t deadline_ns) {
  for (std::size_t i = state_->list.objects.size(); i < until; ++i) {
    auto& one = state_->written[i];
    await(access::record_of(one), deadline_ns);
    const saved_object made = value_of(one, deadline_ns);
    state_->list.objects.push_back({made.size_bytes, made.checksum});
    one = {};
  }
}

void folder_writer::finish(std::uint64_t deadline_ns) {
  take(state_->written.size(), deadline_ns);
  state_->replace_former();
}

struct folder_reader::state {
  std::string folder;
  checkpoint_list list;
};

folder_reader::folder_reader(const std::string& folder, const type_mark& type)
    : state_{std::make_shared<state>()} {
  process::require();
  state_->folder = absolute(folder);
  const std::string path = list_in(state_->folder);
  const auto text = text_of_file(path);
  if (!text)
    throw checkpoint_error{"there is no checkpoint in '" + state_->folder + "': no file '" +
                           std::string{list_file} +
                           "' is there, which a save writes last; give the folder of one that has "
                           "returned, or ask mobula::has_checkpoint first"};
  state_->list = read_list(*text, path);
  const std::string wanted = demangled(type.name);
  if (state_->list.type != wanted)
    throw checkpoint_error{"'" + path + "' lists objects of the type " + state_->list.type +
                           ", not " + wanted + ": load them as what they are"};
  if (state_->list.layout != type.layout)
    throw checkpoint_error{"'" + path + "' lists objects of another " + wanted +
                           " than this program's: the sizes of what it is made of, or the versions "
                           "of its serialize, are others; load it with the program that saved it"};
}

folder_reader::~folder_reader() = default;

std::size_t folder_reader::count() const { return state_->list.objects.size(); }

file_order folder_reader::order(std::size_t index) const {
  const checkpoint_list::object& one = state_->list.objects[index];
  return {state_->folder, state_->list.generation, index, one.size_bytes, one.checksum};
}

}  // namespace mobula::detail

namespace mobula {

bool has_checkpoint(const std::string& folder) {
  const std::string list = detail::list_in(folder);
  if (::access(list.c_str(), F_OK) == 0) return true;
  if (!detail::means_there_is_none(errno)) detail::throw_io_error("look for", list);
  return false;
}

}  // namespace mobula
