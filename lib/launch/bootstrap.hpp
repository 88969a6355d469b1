#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mobula::launch {

/// How ranks find each other before there is a runtime. Every call is collective: all ranks of the
/// group make it, in the same order, from the thread that made the bootstrap.
class bootstrap {
 public:
  virtual ~bootstrap() = default;

  virtual std::uint32_t rank() const = 0;
  virtual std::uint32_t size() const = 0;
  /// The lowest rank of this group that shares memory with this one.
  virtual std::uint32_t host() = 0;
  /// What each rank gave, in rank order.
  virtual std::vector<std::string> allgather(std::string_view mine) = 0;
  /// What `root` gave.
  virtual std::string broadcast(std::string_view mine, std::uint32_t root) = 0;
  virtual void barrier() = 0;
  /// The ranks that gave the same colour, in the same order, as a group of their own. It must end
  /// before this one does.
  virtual std::unique_ptr<bootstrap> split(std::uint32_t colour) = 0;
};

/// Counts what this rank gives, and what it is told.
class counting_bootstrap final : public bootstrap {
 public:
  explicit counting_bootstrap(std::unique_ptr<bootstrap> by) : by_{std::move(by)} {}

  std::uint64_t bytes_given() const { return given_; }
  std::uint64_t bytes_heard() const { return heard_; }

  std::uint32_t rank() const override { return by_->rank(); }
  std::uint32_t size() const override { return by_->size(); }
  std::uint32_t host() override { return by_->host(); }
  std::vector<std::string> allgather(std::string_view mine) override {
    given_ += mine.size();
    auto all = by_->allgather(mine);
    for (const std::string& one : all) heard_ += one.size();
    return all;
  }
  std::string broadcast(std::string_view mine, std::uint32_t root) override {
    if (root == rank()) given_ += mine.size();
    std::string told = by_->broadcast(mine, root);
    heard_ += told.size();
    return told;
  }
  void barrier() override { by_->barrier(); }
  std::unique_ptr<bootstrap> split(std::uint32_t colour) override { return by_->split(colour); }

 private:
  std::unique_ptr<bootstrap> by_;
  std::uint64_t given_ = 0;
  std::uint64_t heard_ = 0;
};

/// A job of one rank.
class lone_bootstrap final : public bootstrap {
 public:
  std::uint32_t rank() const override { return 0; }
  std::uint32_t size() const override { return 1; }
  std::uint32_t host() override { return 0; }
  std::vector<std::string> allgather(std::string_view mine) override { return {std::string{mine}}; }
  std::string broadcast(std::string_view mine, std::uint32_t) override { return std::string{mine}; }
  void barrier() override {}
  std::unique_ptr<bootstrap> split(std::uint32_t) override {
    return std::make_unique<lone_bootstrap>();
  }
};

}  // namespace mobula::launch
