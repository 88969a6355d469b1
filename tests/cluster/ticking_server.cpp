// Usage: ticking_server PORT
//
// Sends whoever connects a byte every ten milliseconds, for as long as it can.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int, char** argv) {
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(argv[1])));
  const int yes = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listening, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listening, 16) != 0) {
    std::perror("ticking_server");
    return 1;
  }
  std::vector<int> readers;
  for (;;) {
    const int reader = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
    if (reader >= 0) readers.push_back(reader);
    std::erase_if(readers,
                  [](int one) { return send(one, ".", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN; });
    poll(nullptr, 0, 10);
  }
}
