#pragma once

#include <ucp/api/ucp.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "wire/bytes.hpp"
#include "wire/ids.hpp"

namespace mobula::ucx {

/// A key to memory of another node, unpacked for the endpoint there.
class remote_key {
 public:
  explicit remote_key(ucp_rkey_h handle) : handle_{handle} {}
  ~remote_key() { ucp_rkey_destroy(handle_); }
  remote_key(const remote_key&) = delete;
  remote_key& operator=(const remote_key&) = delete;

  ucp_rkey_h handle() const { return handle_; }

 private:
  ucp_rkey_h handle_;
};

/// Other nodes' keys, unpacked once, kept until their holder revokes them or its link ends. One
/// that is in use then goes with its last use.
class remote_keys {
 public:
  /// @param number  of the key at its holder, which never gives it to another
  /// @return null: `packed` is no key
  std::shared_ptr<remote_key> find(wire::node_id holder, std::uint64_t number, wire::blob packed,
                                   ucp_ep_h endpoint) {
    auto& known = keys_[{holder, number}];
    if (!known) {
      ucp_rkey_h handle = nullptr;
      if (packed.empty() || ucp_ep_rkey_unpack(endpoint, packed.data(), &handle) != UCS_OK) {
        keys_.erase({holder, number});
        return nullptr;
      }
      known = std::make_shared<remote_key>(handle);
    }
    return known;
  }
  void forget(wire::node_id holder, std::uint64_t number) { keys_.erase({holder, number}); }
  void forget_all_of(wire::node_id holder) {
    auto at = keys_.lower_bound({holder, 0});
    while (at != keys_.end() && at->first.first == holder) at = keys_.erase(at);
  }
  std::size_t size() const { return keys_.size(); }

 private:
  std::map<std::pair<wire::node_id, std::uint64_t>, std::shared_ptr<remote_key>> keys_;
};

}  // namespace mobula::ucx
