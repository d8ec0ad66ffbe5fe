// SPDX-License-Identifier: Apache-2.0
#include "export/nbd_netlink.hpp"

#include <fmt/format.h>
#include <linux/nbd-netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace srp_nbd {

namespace {

Failure failure(const char* what, int error) {
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

// The answer of one call; the callbacks below fill it.
struct Exchange {
  bool done = false;
  int error = 0;
  std::optional<std::uint32_t> index;
  std::optional<bool> connected;
};

int on_valid(nl_msg* message, void* context) {
  auto& x = *static_cast<Exchange*>(context);
  nlattr* attributes[NBD_ATTR_MAX + 1] = {};
  if (genlmsg_parse(nlmsg_hdr(message), 0, attributes, NBD_ATTR_MAX, nullptr) < 0) return NL_OK;
  if (attributes[NBD_ATTR_INDEX] != nullptr && nla_len(attributes[NBD_ATTR_INDEX]) >= 4)
    x.index = nla_get_u32(attributes[NBD_ATTR_INDEX]);
  if (attributes[NBD_ATTR_DEVICE_LIST] != nullptr) {
    nlattr* item = nullptr;
    int rest = 0;
    nla_for_each_nested(item, attributes[NBD_ATTR_DEVICE_LIST], rest) {
      nlattr* device[NBD_DEVICE_ATTR_MAX + 1] = {};
      if (nla_parse_nested(device, NBD_DEVICE_ATTR_MAX, item, nullptr) < 0) continue;
      if (device[NBD_DEVICE_CONNECTED] != nullptr && nla_len(device[NBD_DEVICE_CONNECTED]) >= 1)
        x.connected = nla_get_u8(device[NBD_DEVICE_CONNECTED]) != 0;
    }
  }
  return NL_OK;
}

int on_ack(nl_msg*, void* context) {
  static_cast<Exchange*>(context)->done = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
  auto& x = *static_cast<Exchange*>(context);
  x.done = true;
  x.error = -error->error;
  return NL_STOP;
}

bool put_backend(nl_msg& message, const std::string& backend) {
  return backend.empty() || nla_put_string(&message, NBD_ATTR_BACKEND_IDENTIFIER, backend.c_str()) == 0;
}

}  // namespace

void NbdNetlink::Free::operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
void NbdNetlink::Free::operator()(nl_msg* message) const noexcept { nlmsg_free(message); }

Outcome<NbdNetlink> NbdNetlink::open(std::chrono::milliseconds timeout) {
  NbdNetlink self;
  self.socket_.reset(nl_socket_alloc());
  if (!self.socket_) return Failure{"no_memory", "netlink socket"};
  if (const int e = genl_connect(self.socket_.get()); e < 0)
    return Failure{"no_device", fmt::format("generic netlink: {}", nl_geterror(e))};
  const timeval limit{timeout.count() / 1000, timeout.count() % 1000 * 1000};
  ::setsockopt(nl_socket_get_fd(self.socket_.get()), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  self.family_ = genl_ctrl_resolve(self.socket_.get(), NBD_GENL_FAMILY_NAME);
  if (self.family_ < 0)
    return Failure{"no_device", "the kernel's nbd module is not loaded: modprobe nbd (as root)"};
  return self;
}

Outcome<NbdNetlink::Answer> NbdNetlink::ask(std::uint8_t command, const char* what, const Fill& fill) {
  const std::unique_ptr<nl_msg, Free> message(nlmsg_alloc());
  if (!message || genlmsg_put(message.get(), NL_AUTO_PORT, NL_AUTO_SEQ, family_, 0, 0, command,
                              NBD_GENL_VERSION) == nullptr)
    return Failure{"no_memory", "netlink message"};
  if (!fill(*message))
    return Failure{"too_large", fmt::format("the {} message does not fit into a netlink message", what)};
  Exchange x;
  const std::unique_ptr<nl_cb, void (*)(nl_cb*)> callbacks(nl_cb_alloc(NL_CB_DEFAULT), nl_cb_put);
  if (!callbacks) return Failure{"no_memory", "netlink callbacks"};
  nl_cb_set(callbacks.get(), NL_CB_VALID, NL_CB_CUSTOM, on_valid, &x);
  nl_cb_set(callbacks.get(), NL_CB_ACK, NL_CB_CUSTOM, on_ack, &x);
  nl_cb_err(callbacks.get(), NL_CB_CUSTOM, on_error, &x);
  if (const int e = nl_send_auto(socket_.get(), message.get()); e < 0)
    return Failure{e == -NLE_PERM ? "permission_denied" : "no_device",
                   fmt::format("nbd {}: {}", what, nl_geterror(e))};
  while (!x.done) {
    const int e = nl_recvmsgs(socket_.get(), callbacks.get());
    if (e >= 0 || x.done) continue;
    return failure(what, e == -NLE_AGAIN ? EAGAIN : EINVAL);
  }
  if (x.error != 0) return failure(what, x.error);
  return Answer{x.index, x.connected};
}

Outcome<std::uint32_t> NbdNetlink::connect(const KernelDeviceOptions& o) {
  const auto answer = ask(NBD_CMD_CONNECT, "connect", [&](nl_msg& m) {
    bool fits = !o.index || nla_put_u32(&m, NBD_ATTR_INDEX, *o.index) == 0;
    fits = fits && nla_put_u64(&m, NBD_ATTR_SIZE_BYTES, o.size_bytes) == 0 &&
           nla_put_u64(&m, NBD_ATTR_BLOCK_SIZE_BYTES, o.block_size) == 0 &&
           nla_put_u64(&m, NBD_ATTR_TIMEOUT, static_cast<std::uint64_t>(o.request_timeout.count())) == 0 &&
           nla_put_u64(&m, NBD_ATTR_SERVER_FLAGS, o.transmission_flags) == 0 && put_backend(m, o.backend);
    nlattr* const sockets = fits ? nla_nest_start(&m, NBD_ATTR_SOCKETS) : nullptr;
    if (sockets == nullptr) return false;
    for (const auto& socket : o.sockets) {
      nlattr* const item = nla_nest_start(&m, NBD_SOCK_ITEM);
      if (item == nullptr || nla_put_u32(&m, NBD_SOCK_FD, static_cast<std::uint32_t>(socket.get())) != 0)
        return false;
      nla_nest_end(&m, item);
    }
    nla_nest_end(&m, sockets);
    return true;
  });
  if (!answer) return answer.error();
  if (answer->index) return *answer->index;
  if (o.index) return *o.index;
  return Failure{"protocol_error", "nbd connect: the kernel does not tell the device's index"};
}

Outcome<> NbdNetlink::disconnect(std::uint32_t index) {
  const auto answer = ask(NBD_CMD_DISCONNECT, "disconnect",
                          [&](nl_msg& m) { return nla_put_u32(&m, NBD_ATTR_INDEX, index) == 0; });
  if (!answer) return answer.error();
  return {};
}

Outcome<> NbdNetlink::resize(std::uint32_t index, const std::string& backend, std::uint64_t size_bytes) {
  const auto answer = ask(NBD_CMD_RECONFIGURE, "resize", [&](nl_msg& m) {
    return nla_put_u32(&m, NBD_ATTR_INDEX, index) == 0 &&
           nla_put_u64(&m, NBD_ATTR_SIZE_BYTES, size_bytes) == 0 && put_backend(m, backend);
  });
  if (!answer) return answer.error();
  return {};
}

Outcome<bool> NbdNetlink::connected(std::uint32_t index) {
  const auto answer =
      ask(NBD_CMD_STATUS, "status", [&](nl_msg& m) { return nla_put_u32(&m, NBD_ATTR_INDEX, index) == 0; });
  if (!answer) return answer.error();
  return answer->connected.value_or(false);
}

}  // namespace srp_nbd
