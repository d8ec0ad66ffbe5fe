// SPDX-License-Identifier: Apache-2.0
// control_talk [--hang-up] SOCKET: sends its standard input to a Unix socket as it comes, and prints what
// comes back until the other end hangs up, or until all was answered: as many lines as were sent. --hang-up:
// it does not wait for answers. --crowd N: that many connections on which it says nothing, until the end of its
// standard input; a line says when all are made.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool hangs_up = argc == 3 && std::strcmp(argv[1], "--hang-up") == 0;
  if (hangs_up) ++argv, --argc;
  const int crowd = argc == 4 && std::strcmp(argv[1], "--crowd") == 0 ? std::atoi(argv[2]) : 1;
  if (crowd > 1) argc -= 2, argv += 2;
  if (argc != 2 || std::strlen(argv[1]) >= sizeof(address.sun_path)) return 2;
  std::strcpy(address.sun_path, argv[1]);
  int fd = -1;
  for (int i = 0; i < crowd; ++i) {
    fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      std::perror("control_talk");
      return 1;
    }
  }
  if (crowd > 1) {
    std::puts("connected");
    std::fflush(stdout);
    while (::getchar() != EOF) {
    }
    return 0;
  }
  bool has_input = true;
  long sent_lines = 0, received_lines = 0;
  static char buffer[65536];
  for (;;) {
    pollfd fds[2] = {{fd, POLLIN, 0}, {has_input ? STDIN_FILENO : -1, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0) return 1;
    if (fds[0].revents) {
      const auto got = ::recv(fd, buffer, sizeof(buffer), 0);
      if (got <= 0) return 0;
      ::fwrite(buffer, 1, static_cast<std::size_t>(got), stdout);
      received_lines += std::count(buffer, buffer + got, '\n');
    }
    if (fds[1].revents) {
      const auto got = ::read(STDIN_FILENO, buffer, sizeof(buffer));
      if (got <= 0 && hangs_up) return 0;
      if (got <= 0)
        has_input = false;
      else if (::send(fd, buffer, static_cast<std::size_t>(got), MSG_NOSIGNAL) == got)
        sent_lines += std::count(buffer, buffer + got, '\n');
      else
        has_input = false;  // refused; the reason is still to be read
    }
    if (!has_input && sent_lines > 0 && received_lines >= sent_lines) return 0;
  }
}
