// SPDX-License-Identifier: Apache-2.0
// NbdControl of the running kernel.
#include <fmt/format.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "export/device_users.hpp"
#include "export/kernel_device.hpp"

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

Failure refusal(const char* what, int error) {
  switch (error) {
    case EPERM:
    case EACCES:
      return {"permission_denied", fmt::format("nbd {}: not permitted; it needs root (CAP_SYS_ADMIN)", what)};
    case EBUSY: return {"busy", fmt::format("nbd {}: the device is connected or somebody has it open", what)};
    case ENOENT:
    case ENODEV: return {"no_device", fmt::format("nbd {}: no such device", what)};
    case ENOMEM:
    case EMFILE:
    case ENFILE: return {"no_memory", fmt::format("nbd {}: {}", what, std::strerror(error))};
    case EAGAIN:
    case ETIMEDOUT: return {"timed_out", fmt::format("nbd {}: the kernel does not answer", what)};
    default: return {"invalid_argument", fmt::format("nbd {}: {}", what, std::strerror(error))};
  }
}

// The list of the kernel's sockets, which has one entry.
struct OneSocket {
  std::uint32_t fd;
};
struct Attribute {
  int type;
  std::variant<std::uint32_t, std::uint64_t, const char*, OneSocket> value;
};
using Attributes = std::vector<Attribute>;

// The functions return false if the attribute does not fit.
bool put(nl_msg* message, int type, std::uint32_t n) { return nla_put_u32(message, type, n) == 0; }
bool put(nl_msg* message, int type, std::uint64_t n) { return nla_put_u64(message, type, n) == 0; }
bool put(nl_msg* message, int type, const char* text) { return nla_put_string(message, type, text) == 0; }
bool put(nl_msg* message, int type, OneSocket socket) {
  nlattr* const list = nla_nest_start(message, type);
  nlattr* const item = list == nullptr ? nullptr : nla_nest_start(message, NBD_SOCK_ITEM);
  if (item == nullptr || !put(message, NBD_SOCK_FD, socket.fd)) return false;
  nla_nest_end(message, item);
  nla_nest_end(message, list);
  return true;
}

// The answer of one call; the callbacks below fill it.
struct Answered {
  bool done = false;
  int error = 0;
  std::optional<std::uint32_t> index;
  std::optional<bool> connected;
};

int on_valid(nl_msg* message, void* context) {
  auto& answered = *static_cast<Answered*>(context);
  nlattr* attributes[NBD_ATTR_MAX + 1] = {};
  if (genlmsg_parse(nlmsg_hdr(message), 0, attributes, NBD_ATTR_MAX, nullptr) < 0) return NL_OK;
  if (attributes[NBD_ATTR_INDEX] != nullptr && nla_len(attributes[NBD_ATTR_INDEX]) >= 4)
    answered.index = nla_get_u32(attributes[NBD_ATTR_INDEX]);
  if (attributes[NBD_ATTR_DEVICE_LIST] == nullptr) return NL_OK;
  nlattr* item = nullptr;
  int rest = 0;
  nla_for_each_nested(item, attributes[NBD_ATTR_DEVICE_LIST], rest) {
    nlattr* device[NBD_DEVICE_ATTR_MAX + 1] = {};
    if (nla_parse_nested(device, NBD_DEVICE_ATTR_MAX, item, nullptr) < 0) continue;
    if (device[NBD_DEVICE_CONNECTED] != nullptr && nla_len(device[NBD_DEVICE_CONNECTED]) >= 1)
      answered.connected = nla_get_u8(device[NBD_DEVICE_CONNECTED]) != 0;
  }
  return NL_OK;
}

int on_ack(nl_msg*, void* context) {
  static_cast<Answered*>(context)->done = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
  auto& answered = *static_cast<Answered*>(context);
  answered.done = true;
  answered.error = -error->error;
  return NL_STOP;
}

class KernelNbd final : public NbdControl {
 public:
  Outcome<> open(std::chrono::milliseconds timeout) {
    if (!socket_) return Failure{"no_memory", "netlink socket"};
    if (const int e = genl_connect(socket_.get()); e < 0)
      return Failure{"no_device", fmt::format("generic netlink: {}", nl_geterror(e))};
    const timeval limit{timeout.count() / 1000, timeout.count() % 1000 * 1000};
    ::setsockopt(nl_socket_get_fd(socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    family_ = genl_ctrl_resolve(socket_.get(), NBD_GENL_FAMILY_NAME);
    if (family_ < 0)
      return Failure{"no_device", "the kernel's nbd module is not loaded: modprobe nbd (as root)"};
    nl_socket_modify_cb(socket_.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &answered_);
    nl_socket_modify_cb(socket_.get(), NL_CB_ACK, NL_CB_CUSTOM, on_ack, &answered_);
    nl_socket_modify_err_cb(socket_.get(), NL_CB_CUSTOM, on_error, &answered_);
    return {};
  }

  Outcome<std::uint32_t> connect(const KernelDeviceOptions& o) override {
    Attributes attributes{{NBD_ATTR_SIZE_BYTES, o.size_bytes},
                          {NBD_ATTR_BLOCK_SIZE_BYTES, std::uint64_t{o.block_size}},
                          {NBD_ATTR_TIMEOUT, static_cast<std::uint64_t>(o.request_timeout.count())},
                          {NBD_ATTR_SERVER_FLAGS, std::uint64_t{o.transmission_flags}},
                          {NBD_ATTR_SOCKETS, OneSocket{static_cast<std::uint32_t>(o.socket.get())}}};
    if (o.index) attributes.push_back({NBD_ATTR_INDEX, *o.index});
    if (!o.backend.empty()) attributes.push_back({NBD_ATTR_BACKEND_IDENTIFIER, o.backend.c_str()});
    if (auto done = ask(NBD_CMD_CONNECT, "connect", attributes); !done) return done.error();
    if (const auto index = answered_.index ? answered_.index : o.index) return *index;
    return Failure{"protocol_error", "nbd connect: the kernel does not tell the device's index"};
  }

  Outcome<> disconnect(std::uint32_t index) override {
    return ask(NBD_CMD_DISCONNECT, "disconnect", {{NBD_ATTR_INDEX, index}});
  }

  Outcome<> resize(std::uint32_t index, const std::string& backend, std::uint64_t size_bytes) override {
    Attributes attributes{{NBD_ATTR_INDEX, index}, {NBD_ATTR_SIZE_BYTES, size_bytes}};
    if (!backend.empty()) attributes.push_back({NBD_ATTR_BACKEND_IDENTIFIER, backend.c_str()});
    return ask(NBD_CMD_RECONFIGURE, "resize", attributes);
  }

  Outcome<bool> connected(std::uint32_t index) override {
    if (auto done = ask(NBD_CMD_STATUS, "status", {{NBD_ATTR_INDEX, index}}); !done) return done.error();
    return answered_.connected.value_or(false);
  }

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

  std::vector<std::string> users(std::uint32_t index) override {
    return users_of_device(fmt::format("nbd{}", index));
  }

  void set_max_sectors_kb(std::uint32_t index, std::uint32_t wanted) override {
    const auto queue = block_dir(index) + "/queue/";
    const auto hardware = read_first<std::uint32_t>(queue + "max_hw_sectors_kb").value_or(wanted);
    std::ofstream(queue + "max_sectors_kb") << std::min(hardware, wanted);
  }

 private:
  // Sends the command and waits for its answer, which is in answered_ then.
  Outcome<> ask(std::uint8_t command, const char* what, const Attributes& attributes) {
    const std::unique_ptr<nl_msg, void (*)(nl_msg*)> message(nlmsg_alloc(), nlmsg_free);
    if (!message || genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command,
                                NBD_GENL_VERSION) == nullptr)
      return Failure{"no_memory", "netlink message"};
    for (const auto& [type, value] : attributes)
      if (!std::visit([&, t = type](auto v) { return put(message.get(), t, v); }, value))
        return Failure{"too_large", fmt::format("the {} message does not fit into a netlink message", what)};
    answered_ = {};
    if (const int e = nl_send_auto(socket_.get(), message.get()); e < 0)
      return Failure{e == -NLE_PERM ? "permission_denied" : "no_device",
                     fmt::format("nbd {}: {}", what, nl_geterror(e))};
    while (!answered_.done) {
      const int e = nl_recvmsgs_default(socket_.get());
      if (e < 0 && !answered_.done) return refusal(what, e == -NLE_AGAIN ? EAGAIN : EINVAL);
    }
    if (answered_.error != 0) return refusal(what, answered_.error);
    return {};
  }

  const std::unique_ptr<nl_sock, void (*)(nl_sock*)> socket_{nl_socket_alloc(), nl_socket_free};
  int family_ = 0;
  Answered answered_;
};

}  // namespace

Outcome<std::unique_ptr<NbdControl>> open_kernel_nbd(std::chrono::milliseconds timeout) {
  auto nbd = std::make_unique<KernelNbd>();
  if (auto opened = nbd->open(timeout); !opened) return opened.error();
  return std::unique_ptr<NbdControl>(std::move(nbd));
}

}  // namespace srp_nbd
