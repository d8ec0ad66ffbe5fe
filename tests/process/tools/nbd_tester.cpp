// SPDX-License-Identifier: Apache-2.0
// A client without a library, in the manner of the nbd project's own tester: it opens an export the old way, by
// EXPORT_NAME, so it knows no block sizes.
//
//   nbd_tester SOCKET EXPORT     the export is new: it reads as zeroes
//
// handshake   an unknown option is answered, ABORT too
// stream      16 MiB in small requests, many in flight: reads, writes, writes with FUA and flushes
// integrity   several requests of 512 bytes to 1 MiB in flight, all data compared
// huge        the same with 2 to 50 MB
//
// Exits with 1 and says why if anything is not as expected.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/endian/arithmetic.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using be16 = boost::endian::big_uint16_t;
using be32 = boost::endian::big_uint32_t;
using be64 = boost::endian::big_uint64_t;

enum Command : std::uint16_t { read_data, write_data, disconnect, flush };
constexpr std::uint16_t kFua = 1;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "nbd_tester: %s\n", what.c_str());
  std::exit(1);
}

template<class T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

class Socket {
 public:
  explicit Socket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("connect: " + std::string(std::strerror(errno)));
    if (receive<be64>() != 0x4e42444d41474943u || receive<be64>() != 0x49484156454f5054u)
      fail("no greeting of an NBD server");
    if ((receive<be16>() & 1) == 0) fail("the server does not offer fixed newstyle");
    send(bytes_of(be32(1)));  // fixed newstyle, with the zeroes after EXPORT_NAME
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  void send(const std::string& bytes) const {
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      fail("send: " + std::string(std::strerror(errno)));
  }
  void send_option(std::uint32_t number, const std::string& data) const {
    send("IHAVEOPT" + bytes_of(be32(number)) + bytes_of(be32(static_cast<std::uint32_t>(data.size()))) +
         data);
  }
  void receive(char* to, std::size_t bytes) const {
    if (::recv(fd_, to, bytes, MSG_WAITALL) != static_cast<ssize_t>(bytes)) fail("the server has hung up");
  }
  template<class T>
  T receive() const {
    T value;
    receive(reinterpret_cast<char*>(&value), sizeof value);
    return value;
  }

 private:
  const int fd_;
};

void handshake(const std::string& path) {
  const Socket socket(path);
  const auto answer_to = [&](std::uint32_t option) {
    if (socket.receive<be64>() != 0x3e889045565a9u || socket.receive<be32>() != option)
      fail("not an answer to the option that was sent");
    const std::uint32_t type = socket.receive<be32>();
    std::string words(socket.receive<be32>(), '\0');
    socket.receive(words.data(), words.size());
    return type;
  };
  socket.send_option(0x7654321, "data");
  if (answer_to(0x7654321) != 0x80000001) fail("an unknown option is not unsupported");
  socket.send_option(2, "");
  if (answer_to(2) != 1) fail("ABORT is not acknowledged");
}

// An open export, and what it must contain.
class Disk {
 public:
  Disk(const std::string& path, const std::string& name) : socket_(path) {
    socket_.send_option(1, name);
    content_.resize(socket_.receive<be64>());
    flags_ = socket_.receive<be16>();
    std::string zeroes(124, 'x');
    socket_.receive(zeroes.data(), zeroes.size());
    if (zeroes != std::string(124, '\0')) fail("no 124 zeroes after EXPORT_NAME");
  }

  [[nodiscard]] std::size_t size() const { return content_.size(); }
  [[nodiscard]] bool offers(unsigned flag_bit) const { return (flags_ >> flag_bit & 1) != 0; }
  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }

  // False if a request in flight touches that range.
  [[nodiscard]] bool is_free(std::uint64_t offset, std::uint32_t bytes) const {
    return std::none_of(requests_.begin(), requests_.end(), [&](const auto& r) {
      return r.second.offset < offset + bytes && offset < r.second.offset + r.second.bytes;
    });
  }

  void start(Command command, std::uint64_t offset = 0, std::uint32_t bytes = 0, std::uint16_t flags = 0) {
    const auto cookie = ++last_cookie_;
    requests_[cookie] = {command, offset, bytes};
    out_ += bytes_of(be32(0x25609513)) + bytes_of(be16(flags)) + bytes_of(be16(command)) +
            bytes_of(be64(cookie)) + bytes_of(be64(offset)) + bytes_of(be32(bytes));
    if (command != write_data) return;
    auto* const at = content_.data() + offset;
    for (std::uint32_t i = 0; i < bytes; i += 8) {
      const std::uint64_t word = cookie << 40 ^ (offset + i);
      std::memcpy(at + i, &word, 8);
    }
    out_.append(at, bytes);
  }

  // Sends and receives until no more than that many requests are in flight.
  void run_until(std::size_t in_flight) {
    while (requests_.size() > in_flight || !out_.empty()) {
      pollfd p{socket_.fd(), static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0};
      if (::poll(&p, 1, 30000) != 1) fail("no answer for 30 s");
      if ((p.revents & POLLOUT) != 0) {
        const auto sent =
            ::send(socket_.fd(), out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) sent_ += static_cast<std::size_t>(sent);
        if (sent_ == out_.size()) {
          out_.clear();
          sent_ = 0;
        }
      }
      if ((p.revents & (POLLIN | POLLHUP)) != 0) take_reply();
    }
  }

  void leave() {
    start(disconnect);
    requests_.clear();
    run_until(0);
    char byte = 0;
    if (::recv(socket_.fd(), &byte, 1, 0) != 0) fail("the server sends after a disconnect");
  }

 private:
  struct Request {
    Command command;
    std::uint64_t offset;
    std::uint32_t bytes;
  };

  void take_reply() {
    if (socket_.receive<be32>() != 0x67446698u) fail("not a reply");
    const std::uint32_t error = socket_.receive<be32>();
    const auto found = requests_.find(socket_.receive<be64>());
    if (found == requests_.end()) fail("a reply to nothing");
    const auto request = found->second;
    const auto what = "command " + std::to_string(request.command) + " of " + std::to_string(request.bytes) +
                      " bytes at " + std::to_string(request.offset);
    if (error != 0) fail(what + " fails with " + std::to_string(error));
    if (request.command == read_data) {
      back_.resize(request.bytes);
      socket_.receive(back_.data(), back_.size());
      if (std::memcmp(back_.data(), content_.data() + request.offset, back_.size()) != 0)
        fail(what + " has other data than was written");
    }
    requests_.erase(found);
  }

  Socket socket_;
  std::uint16_t flags_ = 0;
  std::string content_, out_, back_;
  std::size_t sent_ = 0;
  std::uint64_t last_cookie_ = 0;
  std::map<std::uint64_t, Request> requests_;
};

void stream(Disk& disk, Command command, std::uint16_t flags, unsigned flush_every) {
  constexpr std::uint32_t kBytes = 1024;
  unsigned count = 0;
  for (std::uint64_t at = 0; at < std::min<std::size_t>(disk.size(), 16 << 20); at += kBytes) {
    disk.start(command, at, kBytes, flags);
    if (flush_every != 0 && ++count % flush_every == 0) disk.start(flush);
    if (disk.in_flight() > 100) disk.run_until(50);
  }
  disk.run_until(0);
}

void integrity(Disk& disk, int requests, std::size_t depth, std::uint32_t least, std::uint32_t most) {
  std::mt19937_64 random(1);
  const auto up_to = [&](std::uint64_t limit) { return random() % (limit + 1); };
  for (int i = 0; i < requests; ++i) {
    const auto bytes = static_cast<std::uint32_t>((least + up_to(most - least)) / 512 * 512);
    const auto offset = up_to((disk.size() - bytes) / 512) * 512;
    disk.run_until(depth - 1);
    while (!disk.is_free(offset, bytes)) disk.run_until(disk.in_flight() - 1);
    switch (up_to(15)) {
      case 0: disk.start(flush); break;
      case 1: disk.start(write_data, offset, bytes, kFua); break;
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
      case 7: disk.start(write_data, offset, bytes); break;
      default: disk.start(read_data, offset, bytes);
    }
  }
  disk.run_until(0);
  for (std::uint64_t at = 0; at < disk.size(); at += 1 << 20)
    disk.start(read_data, at, static_cast<std::uint32_t>(std::min<std::uint64_t>(1 << 20, disk.size() - at)));
  disk.run_until(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: nbd_tester SOCKET EXPORT");
  handshake(argv[1]);
  Disk disk(argv[1], argv[2]);
  if (!disk.offers(2) || !disk.offers(3) || !disk.offers(8))
    fail("flush, FUA or several connections are not offered");
  stream(disk, read_data, 0, 0);
  stream(disk, write_data, 0, 0);
  stream(disk, write_data, kFua, 0);
  stream(disk, write_data, 0, 16);
  stream(disk, read_data, 0, 0);
  integrity(disk, 800, 16, 512, 1 << 20);
  integrity(disk, 30, 6, 2'000'000, 50'000'000);
  disk.leave();
}
