#include "runtime/function_table.hpp"

#include <link.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

namespace mobula::detail {

namespace {

struct code_range {
  std::uintptr_t base = 0;  // what offsets count from
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

// The part of a loaded module that holds an address.
code_range range_of(std::uintptr_t address) {
  struct search {
    std::uintptr_t address;
    code_range found;
  } wanted{address, {}};
  ::dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* context) {
        auto& search_for = *static_cast<search*>(context);
        for (int i = 0; i < module->dlpi_phnum; ++i) {
          const auto& part = module->dlpi_phdr[i];
          if (part.p_type != PT_LOAD) continue;
          const std::uintptr_t begin = module->dlpi_addr + part.p_vaddr;
          if (search_for.address < begin || search_for.address >= begin + part.p_memsz) continue;
          search_for.found = {module->dlpi_addr, begin, begin + part.p_memsz};
          return 1;
        }
        return 0;
      },
      &wanted);
  return wanted.found;
}

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char one : text) hash = (hash ^ static_cast<unsigned char>(one)) * 0x100000001b3U;
  return hash;
}

struct module_record {
  code_range range;
  launch::module_identity identity;
  std::uint64_t id = 0;
};

struct tables {
  std::shared_mutex lock;
  std::vector<std::unique_ptr<module_record>> modules;
  std::unordered_map<thunk, wire::function_id> ids;
  std::unordered_map<wire::function_id, std::unique_ptr<function_entry>> functions;
  std::vector<function_entry> unplaced;  // registered; their module not looked at yet
};

// Never destroyed: libraries may register and threads look up until the very end.
tables& all() {
  static tables& only = *new tables;
  return only;
}

const module_record& module_of(tables& table, thunk run) {
  const auto address = reinterpret_cast<std::uintptr_t>(run);
  for (const auto& known : table.modules)
    if (address >= known->range.begin && address < known->range.end) return *known;
  auto made = std::make_unique<module_record>();
  made->range = range_of(address);
  made->identity = launch::module_at(reinterpret_cast<const void*>(address));
  made->id = hash_of(made->identity.build_id);
  return *table.modules.emplace_back(std::move(made));
}

// Looking at a module reads its notes: done at first use, not in static initialisers.
void place(tables& table) {
  for (const function_entry& one : std::exchange(table.unplaced, {})) {
    const module_record& home = module_of(table, one.run);
    const wire::function_id id{home.id,
                               reinterpret_cast<std::uintptr_t>(one.run) - home.range.base};
    table.ids[one.run] = id;
    table.functions[id] = std::make_unique<function_entry>(one);
  }
}

}  // namespace

wire::function_id function_table::id_of(thunk run) {
  thread_local thunk last = nullptr;
  thread_local wire::function_id last_id;
  if (run == last) return last_id;
  tables& table = all();
  {
    const std::shared_lock held{table.lock};
    if (const auto known = table.ids.find(run); known != table.ids.end()) {
      last = run;
      return last_id = known->second;
    }
  }
  const std::unique_lock held{table.lock};
  place(table);
  last = run;
  return last_id = table.ids.at(run);
}

const function_entry* function_table::find(wire::function_id id) {
  thread_local const function_entry* last = nullptr;
  thread_local wire::function_id last_id;
  if (last && id == last_id) return last;
  tables& table = all();
  const std::unique_lock held{table.lock};
  place(table);
  const auto known = table.functions.find(id);
  if (known == table.functions.end()) return nullptr;
  last_id = id;
  return last = known->second.get();
}

std::vector<launch::module_identity> function_table::modules() {
  tables& table = all();
  const std::unique_lock held{table.lock};
  place(table);
  std::vector<launch::module_identity> found{launch::this_program()};
  for (const auto& one : table.modules) {
    if (one->identity.build_id != found.front().build_id) found.push_back(one->identity);
  }
  std::sort(found.begin() + 1, found.end(),
            [](const auto& a, const auto& b) { return a.build_id < b.build_id; });
  return found;
}

bool register_function(thunk run, std::string_view name) noexcept {
  tables& table = all();
  const std::unique_lock held{table.lock};
  table.unplaced.push_back({run, name});
  return true;
}

}  // namespace mobula::detail
