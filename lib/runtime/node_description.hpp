#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "wire/placement.hpp"

// What a node is made of, as its scheduler tells whoever asks (wire::nodes_reply): what
// mobula::node_state shows.

namespace mobula::detail {

struct gpu_description {
  std::string uuid;
  std::string name;
  std::string part_of;
  std::string pci_address;
  std::uint64_t memory_bytes = 0;
  std::string threads;  // next to it
  std::uint32_t numa_node = 0;
  bool can_be_shared = true;  // by several processes
  static void fields(auto& visit, auto& self) {
    visit(self.uuid);
    visit(self.name);
    visit(self.part_of);
    visit(self.pci_address);
    visit(self.memory_bytes);
    visit(self.threads);
    visit(self.numa_node);
    visit(self.can_be_shared);
  }
};

struct software_version {
  std::string name;
  std::string version;
  static void fields(auto& visit, auto& self) {
    visit(self.name);
    visit(self.version);
  }
};

struct node_description {
  std::uint32_t first_rank = 0;
  std::uint32_t ranks = 1;
  std::string threads;           // that its ranks may use, in the kernel's notation
  std::string reserved_threads;  // of these, the scheduler's alone
  std::uint32_t cores = 0;
  std::uint32_t packages = 0;
  std::uint32_t numa_nodes = 0;
  std::uint64_t memory_bytes = 0;  // of the machine
  std::vector<wire::label> labels;
  std::vector<gpu_description> gpus;
  std::string transports;  // to other nodes
  bool rma = false;
  std::vector<software_version> versions;
  std::uint64_t start_bytes_sent = 0;  // see node_state
  std::uint64_t start_bytes_received = 0;
  std::uint64_t link_bytes_sent = 0;
  static void fields(auto& visit, auto& self) {
    visit(self.first_rank);
    visit(self.ranks);
    visit(self.threads);
    visit(self.reserved_threads);
    visit(self.cores);
    visit(self.packages);
    visit(self.numa_nodes);
    visit(self.memory_bytes);
    visit(self.labels);
    visit(self.gpus);
    visit(self.transports);
    visit(self.rma);
    visit(self.versions);
    visit(self.start_bytes_sent);
    visit(self.start_bytes_received);
    visit(self.link_bytes_sent);
  }
};

}  // namespace mobula::detail
