#include "info/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>

namespace info {

namespace {

using mobula::node_state;

std::string counted(std::uint64_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// Up to four decimals, as resources are counted.
std::string amount(double of) {
  const double rounded = std::round(of * 1e4) / 1e4;
  return fmt::format("{:g}", rounded);
}

double resource(const std::map<std::string, double>& of, const char* name) {
  const auto found = of.find(name);
  return found == of.end() ? 0 : found->second;
}

class paragraph {
 public:
  explicit paragraph(std::string& text) : text_{text} {}
  void line(const char* what, const std::string& is) {
    fmt::format_to(std::back_inserter(text_), "  {:<11}{}\n", what, is);
  }

 private:
  std::string& text_;
};

// Rank 0 is the driver; the first rank of a node starts its scheduler, and all but the driver are
// seats that start workers, as the scheduler does for the first.
std::string ranks_of(const node_state& node) {
  std::string text = counted(node.ranks, "rank");
  text += node.ranks == 1 ? fmt::format(" ({})", node.first_rank)
                          : fmt::format(", from {} on", node.first_rank);
  text += node.first_rank == 0 ? ": the driver, with the scheduler" : ": the scheduler's";
  if (node.ranks > 1) text += fmt::format(" and {} of workers", counted(node.ranks - 1, "seat"));
  return text +
         fmt::format("; {} worker process{} now", node.workers, node.workers == 1 ? "" : "es");
}

std::string cpus_of(const node_state& node) {
  std::string text = fmt::format(
      "{} offered, {} free; {}, hardware threads {}, on {} and {}",
      amount(resource(node.resources, "cpus")), amount(resource(node.available, "cpus")),
      counted(node.cores, "core"), node.threads, counted(node.packages, "socket"),
      counted(node.numa_nodes, "NUMA node"));
  if (!node.reserved_threads.empty())
    text += fmt::format("; {} kept for the scheduler", node.reserved_threads);
  return text;
}

std::string gpu_line(const mobula::gpu_state& gpu) {
  std::string text = fmt::format("{}, {}, {}", gpu.name, in_words(gpu.memory_bytes), gpu.uuid);
  if (!gpu.part_of.empty()) text += fmt::format(", part of {}", gpu.part_of);
  if (!gpu.pci_address.empty()) text += fmt::format(", at {}", gpu.pci_address);
  if (!gpu.near_threads.empty())
    text += fmt::format(", next to threads {} (NUMA node {})", gpu.near_threads, gpu.numa_node);
  return text;
}

std::string custom_of(const node_state& node) {
  std::string text;
  for (const auto& [name, total] : node.resources) {
    constexpr std::array<const char*, 4> others{"cpus", "gpus", "memory", "store"};
    if (std::ranges::count(others, name) != 0) continue;
    text += fmt::format("{}{} {}, {} free", text.empty() ? "" : "; ", name, amount(total),
                        amount(resource(node.available, name.c_str())));
  }
  return text;
}

std::string store_of(const node_state& node) {
  std::string text =
      fmt::format("{}, {} in use by {}", in_words(node.store_bytes),
                  in_words(node.store_used_bytes), counted(node.store_objects, "object"));
  if (node.store_spilled_bytes != 0)
    text += fmt::format(", {} on disk", in_words(node.store_spilled_bytes));
  return text;
}

std::string transport_of(const node_state& node, std::size_t nodes) {
  std::string text = "rings in shared memory inside the node";
  if (nodes == 1) return text;
  text += fmt::format("; UCX to others ({})",
                      node.transports.empty() ? "nothing sent yet" : node.transports.c_str());
  return text + (node.rma ? ", objects by remote memory access" : ", objects by messages");
}

void append(std::string& text, const node_state& node, std::size_t nodes) {
  fmt::format_to(std::back_inserter(text), "node {} on {}{}\n", node.node, node.host,
                 node.alive ? "" : " has ended");
  if (!node.alive) return;
  paragraph about{text};
  about.line("ranks", ranks_of(node));
  about.line("cpus", cpus_of(node));
  about.line("gpus", fmt::format("{} offered, {} free", amount(resource(node.resources, "gpus")),
                                 amount(resource(node.available, "gpus"))));
  for (const auto& gpu : node.gpus) about.line("", gpu_line(gpu));
  about.line("memory",
             fmt::format("{} for tasks, {} free; the machine has {}",
                         in_words(static_cast<std::uint64_t>(resource(node.resources, "memory"))),
                         in_words(static_cast<std::uint64_t>(resource(node.available, "memory"))),
                         in_words(node.memory_bytes)));
  if (const std::string custom = custom_of(node); !custom.empty()) about.line("resources", custom);
  about.line("store", store_of(node));
  about.line("transport", transport_of(node, nodes));
  std::string versions;
  for (const auto& [name, version] : node.versions)
    versions += fmt::format("{}{} {}", versions.empty() ? "" : ", ", name, version);
  about.line("versions", versions);
}

}  // namespace

std::string in_words(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  return size < 10 && unit != 0 ? fmt::format("{:.1f} {}", size, units[unit])
                                : fmt::format("{:.4g} {}", size, units[unit]);
}

std::string report(const std::vector<node_state>& nodes) {
  std::uint64_t ranks = 0;
  for (const node_state& node : nodes) ranks += node.ranks;
  std::string text =
      fmt::format("{} on {}\n", counted(ranks, "rank"), counted(nodes.size(), "node"));
  for (const node_state& node : nodes) {
    text += '\n';
    append(text, node, nodes.size());
  }
  return text;
}

}  // namespace info
