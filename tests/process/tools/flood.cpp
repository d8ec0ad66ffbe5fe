// SPDX-License-Identifier: Apache-2.0
// flood come-and-go BYTES SOCKET: connects to a Unix socket, sends its standard input, waits for so many bytes, hangs
// up, and so on without end.
// flood push SOCKET: sends its standard input again and again over one connection and never reads. Where it is
// disconnected, it connects again.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

int connect_to(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, const std::string& text) {
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = ::send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const bool pushes = argc == 3 && std::strcmp(argv[1], "push") == 0;
  const bool comes = argc == 4 && std::strcmp(argv[1], "come-and-go") == 0;
  if (!pushes && !comes) return 2;
  std::string text;
  for (int c = 0; (c = std::getchar()) != EOF;) text += static_cast<char>(c);
  char buffer[4096];
  for (;;) {
    const int fd = connect_to(argv[argc - 1]);
    if (fd < 0) continue;
    if (pushes)
      while (send_all(fd, text)) {
      }
    else if (send_all(fd, text))
      for (long left = std::atol(argv[2]); left > 0;) {
        const auto n = ::recv(fd, buffer, sizeof(buffer), 0);
        if (n <= 0) break;
        left -= n;
      }
    ::close(fd);
  }
}
