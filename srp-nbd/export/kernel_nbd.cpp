// SPDX-License-Identifier: Apache-2.0
// NbdControl of the running kernel.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "export/nbd_control.hpp"
#include "export/nbd_netlink.hpp"

namespace srp_nbd {
namespace {

template<class T>
std::optional<T> read_first(const std::string& path) {
  std::ifstream file(path);
  T value{};
  if (file >> value) return value;
  return std::nullopt;
}

std::string block_dir(std::uint32_t index) { return fmt::format("/sys/block/nbd{}", index); }

// The kernel stores the connecting thread, but people know processes.
std::optional<pid_t> process_of_thread(pid_t thread) {
  std::ifstream status(fmt::format("/proc/{}/status", thread));
  for (std::string key; status >> key;) {
    pid_t process = 0;
    if (key == "Tgid:" && status >> process) return process;
  }
  return std::nullopt;
}

class KernelNbd final : public NbdControl {
 public:
  explicit KernelNbd(NbdNetlink netlink) : netlink_(std::move(netlink)) {}

  Outcome<std::uint32_t> connect(const KernelDeviceOptions& options) override {
    return netlink_.connect(options);
  }
  Outcome<> disconnect(std::uint32_t index) override { return netlink_.disconnect(index); }
  Outcome<> resize(std::uint32_t index, const std::string& backend, std::uint64_t size_bytes) override {
    return netlink_.resize(index, backend, size_bytes);
  }
  Outcome<bool> connected(std::uint32_t index) override { return netlink_.connected(index); }

  std::optional<Connector> connector(std::uint32_t index) override {
    const auto thread = read_first<pid_t>(block_dir(index) + "/pid");
    if (!thread) return std::nullopt;
    const auto process = process_of_thread(*thread);
    if (!process) return Connector{*thread, {}, false};
    const auto name = read_first<std::string>(fmt::format("/proc/{}/comm", *process));
    return Connector{*process, name.value_or("?"), *process == ::getpid()};
  }

  bool has_node(std::uint32_t index) override {
    struct stat node {};
    return ::stat(fmt::format("/dev/nbd{}", index).c_str(), &node) == 0 && S_ISBLK(node.st_mode);
  }

  void set_max_sectors_kb(std::uint32_t index, std::uint32_t wanted) override {
    const auto queue = block_dir(index) + "/queue/";
    const auto hardware = read_first<std::uint32_t>(queue + "max_hw_sectors_kb").value_or(wanted);
    std::ofstream(queue + "max_sectors_kb") << std::min(hardware, wanted);
  }

 private:
  NbdNetlink netlink_;
};

}  // namespace

Outcome<std::unique_ptr<NbdControl>> open_kernel_nbd(std::chrono::milliseconds timeout) {
  auto netlink = NbdNetlink::open(timeout);
  if (netlink.has_error()) return netlink.error();
  return std::unique_ptr<NbdControl>(std::make_unique<KernelNbd>(std::move(*netlink)));
}

}  // namespace srp_nbd
