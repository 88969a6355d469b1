#include "launch/identity.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <vector>

namespace mobula::launch {

namespace {

constexpr std::uint64_t fnv_start = 0xcbf29ce484222325U;

std::uint64_t fnv(std::uint64_t hash, std::string_view bytes) {
  for (const char byte : bytes) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  return hash;
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

/// The build id among the notes of a loaded module.
std::string find_build_id(const dl_phdr_info& module) {
  for (int i = 0; i < module.dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = module.dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    const char* at = reinterpret_cast<const char*>(module.dlpi_addr + segment.p_vaddr);
    std::size_t left = segment.p_memsz;
    const std::size_t alignment = segment.p_align == 8 ? 8 : 4;
    const auto padded = [&](std::size_t size) { return (size + alignment - 1) & ~(alignment - 1); };
    while (left >= sizeof(ElfW(Nhdr))) {
      ElfW(Nhdr) note;
      std::memcpy(&note, at, sizeof note);
      const std::size_t name = padded(note.n_namesz);
      const std::size_t whole = sizeof note + name + padded(note.n_descsz);
      if (whole > left) break;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
          std::memcmp(at + sizeof note, "GNU", 4) == 0) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(at + sizeof note + name);
        return hexadecimal({bytes, note.n_descsz});
      }
      at += whole;
      left -= whole;
    }
  }
  return {};
}

std::string hash_of_file(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  std::vector<char> buffer(1 << 20);
  std::uint64_t hash = fnv_start;
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    hash = fnv(hash, {buffer.data(), static_cast<std::size_t>(in.gcount())});
  }
  char text[32];
  std::snprintf(text, sizeof text, "file-%016llx", static_cast<unsigned long long>(hash));
  return text;
}

struct search {
  std::uintptr_t address = 0;
  bool first_only = false;
  bool found = false;
  module_identity result;
};

int look_at(dl_phdr_info* module, std::size_t, void* context) {
  auto& looking = *static_cast<search*>(context);
  bool inside = looking.first_only;
  for (int i = 0; i < module->dlpi_phnum && !inside; ++i) {
    const ElfW(Phdr)& segment = module->dlpi_phdr[i];
    const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
    inside = segment.p_type == PT_LOAD && looking.address >= begin &&
             looking.address - begin < segment.p_memsz;
  }
  if (!inside) return 0;
  looking.found = true;
  looking.result.file = module->dlpi_name;
  looking.result.build_id = find_build_id(*module);
  return 1;
}

module_identity finish(search&& looked) {
  if (!looked.found) return {};
  // The program itself has no name in the loader's list.
  const bool program = looked.result.file.empty();
  const std::string readable = program ? "/proc/self/exe" : looked.result.file;
  if (looked.result.build_id.empty()) looked.result.build_id = hash_of_file(readable);
  if (program) looked.result.file = program_invocation_name;
  return std::move(looked.result);
}

std::string_view base_name(std::string_view file) { return file.substr(file.rfind('/') + 1); }

using module_map = std::map<std::string, std::string, std::less<>>;

/// A line a module: its name, a tab, its build id. Sorted.
std::string listing(std::span<const module_identity> modules) {
  module_map sorted;
  // The program goes by its place, not by its name: argv[0] may differ.
  for (std::size_t i = 0; i < modules.size(); ++i) {
    sorted.emplace(i == 0 ? std::string{} : std::string{base_name(modules[i].file)},
                   modules[i].build_id);
  }
  std::string text;
  for (const auto& [name, build_id] : sorted) text.append(name + '\t' + build_id + '\n');
  return text;
}

module_map parse_listing(std::string_view text) {
  module_map modules;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const std::size_t tab = line.find('\t');
    if (tab != std::string_view::npos) {
      modules.emplace(std::string{line.substr(0, tab)}, std::string{line.substr(tab + 1)});
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return modules;
}

[[noreturn]] void refuse(const std::string& first, const std::string& other, std::size_t rank,
                         const std::string& program) {
  const module_map ours = parse_listing(first);
  const module_map theirs = parse_listing(other);
  const std::string who = "rank " + std::to_string(rank);
  const auto name = [&](const std::string& key) { return key.empty() ? program : key; };
  for (const auto& [file, build_id] : ours) {
    const auto there = theirs.find(file);
    if (there == theirs.end()) {
      throw start_error{who + " runs without " + name(file) +
                        ", whose remote functions rank 0 has; all ranks must load the same"};
    }
    if (there->second != build_id) {
      throw start_error{who + " runs another build of " + name(file) + " than rank 0 (" +
                        there->second + ", not " + build_id +
                        "); all ranks must run the same program"};
    }
  }
  for (const auto& [file, build_id] : theirs) {
    if (!ours.contains(file)) {
      throw start_error{who + " has remote functions of " + name(file) +
                        ", which rank 0 runs without; all ranks must load the same"};
    }
  }
  throw start_error{who + " runs another program than rank 0"};
}

}  // namespace

module_identity module_at(const void* address) {
  search looking;
  looking.address = reinterpret_cast<std::uintptr_t>(address);
  ::dl_iterate_phdr(look_at, &looking);
  return finish(std::move(looking));
}

module_identity this_program() {
  search looking;
  looking.first_only = true;
  ::dl_iterate_phdr(look_at, &looking);
  return finish(std::move(looking));
}

void check_identity(bootstrap& ranks, std::span<const module_identity> modules) {
  if (ranks.size() == 1) return;
  const std::string mine = listing(modules);
  // Hashes first: as a rule nothing differs, and ten thousand lists would be much to send.
  const std::uint64_t hash = fnv(fnv_start, mine);
  const auto hashes = ranks.allgather({reinterpret_cast<const char*>(&hash), sizeof hash});
  const auto other = std::find_if(hashes.begin(), hashes.end(),
                                  [&](const std::string& one) { return one != hashes.front(); });
  if (other == hashes.end()) return;
  const auto culprit = static_cast<std::uint32_t>(other - hashes.begin());
  // A few broadcasts tell everybody all that the sentence needs.
  const std::string first = ranks.broadcast(mine, 0);
  const std::string differing = ranks.broadcast(mine, culprit);
  // The name of the one that differs, as its own rank knows it.
  const std::string program =
      ranks.broadcast(modules.empty() ? "the program" : modules[0].file, culprit);
  refuse(first, differing, culprit, program);
}

}  // namespace mobula::launch
