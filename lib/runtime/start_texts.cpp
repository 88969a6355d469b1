#include "runtime/start_texts.hpp"

namespace mobula::detail {

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char one : bytes) {
    const auto value = static_cast<unsigned char>(one);
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  return text;
}

std::string from_hex(std::string_view text) {
  const auto digit = [](char one) -> unsigned {
    if (one >= '0' && one <= '9') return static_cast<unsigned>(one - '0');
    if (one >= 'a' && one <= 'f') return static_cast<unsigned>(one - 'a' + 10);
    throw launch::start_error{"a process of the job was started with garbage"};
  };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1]));
  return bytes;
}

}  // namespace mobula::detail
