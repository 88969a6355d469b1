#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/directory.hpp"
#include "core/spill_disk.hpp"
#include "store/spill_file.hpp"

namespace mobula::detail {

/// The node's spill file, as its directory sees it.
class node_disk final : public core::spill_disk {
 public:
  explicit node_disk(std::unique_ptr<store::spill_file> file) : file_{std::move(file)} {}

  std::optional<range> take(std::uint64_t size_bytes) override;
  void give_back(range gone) override;
  void write(std::uint64_t token, range into, std::span<const std::byte> from) override;
  void read(std::uint64_t token, range from, std::uint64_t offset,
            std::span<std::byte> into) override;
  std::string full() const override { return file_->full(); }

  /// Tells the directory what has ended. @returns how much
  std::size_t settle(core::directory& of);
  /// Readable while something has ended.
  int event() const { return file_->event(); }

 private:
  std::unique_ptr<store::spill_file> file_;
  std::unordered_map<range, store::spill_range> ranges_;
  range last_ = 0;
};

}  // namespace mobula::detail
