#include "hardware/visible_gpus.hpp"

#include <algorithm>
#include <charconv>

namespace mobula::hardware {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char letter) { return letter == ' ' || letter == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

const gpu* by_number(const gpu_list& all, std::size_t number) {
  if (number >= all.numbered.size()) return nullptr;
  const std::string& whole = all.numbered[number];
  const auto found = std::ranges::find_if(
      all.gpus, [&](const gpu& one) { return one.uuid == whole || one.part_of == whole; });
  return found == all.gpus.end() ? nullptr : &*found;
}

// Nobody's if several begin so.
const gpu* by_uuid(const gpu_list& all, std::string_view text) {
  const gpu* found = nullptr;
  for (const gpu& one : all.gpus) {
    if (one.uuid == text) return &one;
    if (!one.uuid.starts_with(text)) continue;
    if (found != nullptr) return nullptr;
    found = &one;
  }
  // Of a GPU that MIG has cut, its first instance.
  for (const gpu& one : all.gpus)
    if (found == nullptr && one.part_of == text) found = &one;
  return found;
}

const gpu* find(const gpu_list& all, std::string_view entry) {
  if (entry.starts_with("GPU-") || entry.starts_with("MIG-")) return by_uuid(all, entry);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(entry.data(), entry.data() + entry.size(), number);
  if (error != std::errc{} || end != entry.data() + entry.size()) return nullptr;
  return by_number(all, number);
}

}  // namespace

visible_gpus choose_visible(const gpu_list& all, std::optional<std::string_view> variable) {
  visible_gpus chosen;
  const auto is_open = [](const gpu& one) { return one.mode != compute_mode::prohibited; };
  if (!variable || all.is_filtered) {
    std::ranges::copy_if(all.gpus, std::back_inserter(chosen.gpus), is_open);
    return chosen;
  }
  // What says "none": an empty list, a number below 0, and an old Slurm's word for it.
  const std::string_view text = trimmed(*variable);
  if (text.empty() || text.starts_with("-") || text == "NoDevFiles") return chosen;
  for (std::string_view rest = text;;) {
    const std::size_t comma = rest.find(',');
    const std::string_view entry = trimmed(rest.substr(0, comma));
    const gpu* const one = find(all, entry);
    const bool is_twice = one != nullptr && std::ranges::count(chosen.gpus, *one) != 0;
    if (one == nullptr || is_twice) {
      // Where there is no driver it may say what it likes.
      if (!entry.starts_with("-") && !all.gpus.empty()) {
        chosen.complaint = "CUDA_VISIBLE_DEVICES is \"" + std::string{*variable} + "\", and \"" +
                           std::string{entry} +
                           (is_twice ? "\" stands there twice" : "\" is none of this node's GPUs") +
                           ": as CUDA does, Mobula uses those before it alone (" +
                           std::to_string(chosen.gpus.size()) + ")";
      }
      break;
    }
    chosen.gpus.push_back(*one);
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  std::erase_if(chosen.gpus, [&](const gpu& one) { return !is_open(one); });
  return chosen;
}

}  // namespace mobula::hardware
