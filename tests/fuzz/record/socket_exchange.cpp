// SPDX-License-Identifier: Apache-2.0
// socket_exchange LISTEN CONNECT FOLDER lines|nbd
//
// A proxy between a daemon's Unix socket and its clients. The bytes of the clients become inputs of the fuzz
// harnesses: each line one in FOLDER/control_request, or FOLDER/nbd_negotiation and FOLDER/nbd_requests. Runs
// until it is killed.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kMostBytes = 4096;  // limit per client

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  return address;
}

struct Pair {
  int client, daemon;
  std::string sent;
};

void write_input(const std::filesystem::path& folder, const char* harness, std::string_view content) {
  static int count = 0;
  std::filesystem::create_directories(folder / harness);
  std::ofstream(folder / harness / ("recorded" + std::to_string(++count)), std::ios::binary) << content;
}

void write_inputs(const std::filesystem::path& folder, bool is_nbd, const std::string& sent) {
  if (!is_nbd) {
    for (std::size_t begin = 0, end; (end = sent.find('\n', begin)) != std::string::npos; begin = end + 1)
      write_input(folder, "control_request", sent.substr(begin, end - begin));
    return;
  }
  // The first byte is the size of the pieces: record each input with all bytes at once and byte by byte.
  const auto requests = sent.find("\x25\x60\x95\x13");
  for (const char step : {'\xff', '\0'}) {
    write_input(folder, "nbd_negotiation", step + sent.substr(0, requests));
    if (requests != std::string::npos) write_input(folder, "nbd_requests", step + sent.substr(requests));
  }
}

// Returns false if one end has closed its connection.
bool pass_on(int from, int to, std::string* record) {
  static char buffer[65536];
  const auto got = ::recv(from, buffer, sizeof buffer, 0);
  if (got <= 0) return false;
  const auto bytes = static_cast<std::size_t>(got);
  if (record) record->append(buffer, std::min(bytes, kMostBytes - std::min(kMostBytes, record->size())));
  for (std::size_t done = 0; done < bytes;) {
    const auto n = ::send(to, buffer + done, bytes - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: socket_exchange LISTEN CONNECT FOLDER lines|nbd\n");
    return 2;
  }
  const auto here = address_of(argv[1]), there = address_of(argv[2]);
  const bool is_nbd = std::string_view(argv[4]) == "nbd";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      ::listen(listener, 16) != 0) {
    std::perror(argv[1]);
    return 1;
  }
  std::vector<Pair> pairs;
  for (;;) {
    std::vector<pollfd> fds{{listener, POLLIN, 0}};
    for (const auto& pair : pairs)
      for (const int fd : {pair.client, pair.daemon}) fds.push_back({fd, POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0) return 1;
    for (std::size_t i = pairs.size(); i-- > 0;) {
      auto& pair = pairs[i];
      bool goes_on = true;
      if (fds[1 + 2 * i].revents) goes_on = pass_on(pair.client, pair.daemon, &pair.sent);
      if (goes_on && fds[2 + 2 * i].revents) goes_on = pass_on(pair.daemon, pair.client, nullptr);
      if (goes_on) continue;
      ::close(pair.client);
      ::close(pair.daemon);
      write_inputs(argv[3], is_nbd, pair.sent);
      pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (fds[0].revents) {
      const int client = ::accept(listener, nullptr, nullptr);
      const int daemon = ::socket(AF_UNIX, SOCK_STREAM, 0);
      if (::connect(daemon, reinterpret_cast<const sockaddr*>(&there), sizeof there) == 0)
        pairs.push_back({client, daemon, {}});
      else
        ::close(client), ::close(daemon);
    }
  }
}
