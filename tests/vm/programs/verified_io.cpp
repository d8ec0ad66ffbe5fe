// SPDX-License-Identifier: Apache-2.0
// verified_io run DEVICE MIB UNIT_KIB THREADS MAX_MS STATE LOG     until SIGTERM
// verified_io check DEVICE STATE
//
// Verified direct I/O on a device that fails sometimes, which fio's verification does not support. Each unit
// belongs to one thread. Each 512-byte sector contains its sector number and a version. After a successful
// write, only its version is right. A write that ended with EIO is in doubt: each of its sectors may have the
// old or the new version until a later write succeeds. A version that an acknowledged write has replaced must
// not come back.
//
// Whenever the outcome of requests changes, LOG gets "good" or "error" with the time (microseconds since
// 1970). At the end, STATE gets the versions, from which `check` judges the bytes on another device.
// Failures: wrong bytes, an errno other than EIO, a request slower than MAX_MS.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kSector = 512;
constexpr std::uint64_t kMagic = 0x73727069'766f6c75;

struct Unit {
  std::uint64_t acknowledged = 0;       // 0: none yet; any contents are right
  std::vector<std::uint64_t> in_doubt;  // later writes that ended with EIO
  std::uint64_t last = 0;
};

struct Buffer {
  explicit Buffer(std::size_t size)
      : bytes(static_cast<std::byte*>(std::aligned_alloc(4096, size)), &std::free) {}
  std::unique_ptr<std::byte, void (*)(void*)> bytes;
};

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

void fill_sector(std::byte* to, std::uint64_t sector, std::uint64_t version) {
  std::uint64_t words[kSector / 8] = {kMagic, sector, version};
  auto x = mix(sector * 0x9e3779b97f4a7c15 + version);
  for (std::size_t i = 3; i < std::size(words); ++i)
    words[i] = x = x * 6364136223846793005 + 1442695040888963407;
  std::memcpy(to, words, kSector);
}

// Returns an empty text if the bytes are right.
std::string judge(const std::byte* bytes, std::size_t size, std::uint64_t first_sector, const Unit& unit) {
  if (unit.acknowledged == 0) return {};
  std::byte expected[kSector];
  for (std::size_t i = 0; i < size / kSector; ++i) {
    std::uint64_t head[3];
    std::memcpy(head, bytes + i * kSector, sizeof head);
    const auto version = head[2];
    const bool permitted =
        version == unit.acknowledged ||
        std::find(unit.in_doubt.begin(), unit.in_doubt.end(), version) != unit.in_doubt.end();
    fill_sector(expected, first_sector + i, version);
    if (permitted && std::memcmp(expected, bytes + i * kSector, kSector) == 0) continue;
    return fmt::format(
        "sector {}: has magic {:x}, sector {}, version {}; acknowledged is version {}, {} in doubt",
        first_sector + i, head[0], head[1], version, unit.acknowledged, unit.in_doubt.size());
  }
  return {};
}

long long now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

class Run {
 public:
  Run(const char* device, std::size_t mib, std::size_t unit_kib, std::size_t threads, int max_ms,
      const char* log)
      : fd_(::open(device, O_RDWR | O_DIRECT)),
        unit_bytes_(unit_kib << 10),
        threads_(threads),
        max_ms_(max_ms),
        units_((mib << 20) / unit_bytes_),
        log_(std::fopen(log, "w")) {
    if (fd_ < 0 || !log_) {
      std::perror(device);
      std::exit(2);
    }
    std::setvbuf(log_, nullptr, _IOLBF, 0);
  }

  int until_signal(int signals, const char* state) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < threads_; ++i) threads.emplace_back([this, i] { work(i); });
    signalfd_siginfo info;
    [[maybe_unused]] const auto got = ::read(signals, &info, sizeof info);
    stop_ = true;
    for (auto& thread : threads) thread.join();
    std::ofstream out(state);
    out << unit_bytes_ << ' ' << units_.size() << '\n';
    for (const auto& unit : units_) {
      out << unit.acknowledged << ' ' << unit.in_doubt.size();
      for (const auto version : unit.in_doubt) out << ' ' << version;
      out << '\n';
    }
    out.close();
    fmt::print("{} writes, {} reads, {} errors, slowest {} ms\n", writes_.load(), reads_.load(),
               errors_.load(), slowest_us_.load() / 1000);
    if (slowest_us_ / 1000 > max_ms_) return fail(fmt::format("a request took {} ms", slowest_us_ / 1000));
    return has_failed_ || !out ? 1 : 0;
  }

 private:
  int fail(const std::string& why) {
    fmt::print("WRONG: {}\n", why);
    std::fflush(stdout);
    has_failed_ = true;
    ::kill(::getpid(), SIGTERM);
    return 1;
  }

  // True: success; false: EIO.
  template<class F>
  bool timed(F io) {
    const auto begin = std::chrono::steady_clock::now();
    const auto done = io();
    const int error = errno;
    const auto took =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin)
            .count();
    for (auto old = slowest_us_.load(); took > old && !slowest_us_.compare_exchange_weak(old, took);)
      continue;
    const bool good = done == static_cast<ssize_t>(unit_bytes_);
    if (!good && !(done < 0 && error == EIO)) fail(fmt::format("{} bytes, {}", done, std::strerror(error)));
    const std::lock_guard lock(log_mutex_);
    if (!good) last_error_ = std::chrono::steady_clock::now();
    // A success of a request that began before the failure does not mean that the device works again.
    if (good && !is_good_ && begin < last_error_) return true;
    if (good != is_good_) fmt::print(log_, "{} {}\n", now_us(), good ? "good" : "error");
    is_good_ = good;
    return good;
  }

  void work(std::size_t thread) {
    const Buffer buffer(unit_bytes_);
    auto* bytes = buffer.bytes.get();
    std::uint64_t random = thread + 1;
    while (!stop_ && !has_failed_) {
      random = mix(random + 0x9e3779b97f4a7c15);
      const auto index = random % (units_.size() / threads_) * threads_ + thread;
      auto& unit = units_[index];
      const auto first_sector = index * unit_bytes_ / kSector;
      const auto offset = static_cast<off_t>(index * unit_bytes_);
      if (random >> 32 & 1) {
        const auto version = ++unit.last;
        for (std::size_t i = 0; i < unit_bytes_ / kSector; ++i)
          fill_sector(bytes + i * kSector, first_sector + i, version);
        ++writes_;
        if (timed([&] { return ::pwrite(fd_, bytes, unit_bytes_, offset); })) {
          unit.acknowledged = version;
          unit.in_doubt.clear();
          continue;
        }
        unit.in_doubt.push_back(version);
      } else {
        ++reads_;
        if (timed([&] { return ::pread(fd_, bytes, unit_bytes_, offset); })) {
          if (const auto wrong = judge(bytes, unit_bytes_, first_sector, unit); !wrong.empty()) fail(wrong);
          continue;
        }
      }
      ++errors_;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  const int fd_;
  const std::size_t unit_bytes_, threads_;
  const int max_ms_;
  std::vector<Unit> units_;
  std::FILE* log_;
  std::mutex log_mutex_;
  bool is_good_ = false;
  std::chrono::steady_clock::time_point last_error_{};
  std::atomic<bool> stop_ = false, has_failed_ = false;
  std::atomic<std::uint64_t> writes_ = 0, reads_ = 0, errors_ = 0;
  std::atomic<long long> slowest_us_ = 0;
};

int check(const char* device, const char* state) {
  // A file in memory does not support O_DIRECT.
  int fd = ::open(device, O_RDONLY | O_DIRECT);
  if (fd < 0) fd = ::open(device, O_RDONLY);
  std::ifstream in(state);
  std::size_t unit_bytes = 0, units = 0, checked = 0;
  if (fd < 0 || !(in >> unit_bytes >> units)) return std::perror(device), 2;
  const Buffer buffer(unit_bytes);
  for (std::size_t index = 0; index < units; ++index) {
    Unit unit;
    std::size_t doubts = 0;
    in >> unit.acknowledged >> doubts;
    unit.in_doubt.resize(doubts);
    for (auto& version : unit.in_doubt) in >> version;
    const auto got = ::pread(fd, buffer.bytes.get(), unit_bytes, static_cast<off_t>(index * unit_bytes));
    if (got != static_cast<ssize_t>(unit_bytes) || !in)
      return fmt::print("WRONG: unit {}: cannot be read\n", index), 1;
    const auto wrong = judge(buffer.bytes.get(), unit_bytes, index * unit_bytes / kSector, unit);
    if (!wrong.empty()) return fmt::print("WRONG: {}\n", wrong), 1;
    checked += unit.acknowledged > 0;
  }
  fmt::print("{} of {} units had acknowledged writes, and are right\n", checked, units);
  return checked > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "check") return check(argv[2], argv[3]);
  if (argc != 9 || std::string_view(argv[1]) != "run") return 2;
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const auto number = [&](int i) { return static_cast<std::size_t>(std::atoi(argv[i])); };
  return Run(argv[2], number(3), number(4), number(5), static_cast<int>(number(6)), argv[8])
      .until_signal(::signalfd(-1, &set, SFD_CLOEXEC), argv[7]);
}
