// SPDX-License-Identifier: Apache-2.0
// Owning handles for the objects of libibverbs and librdmacm. Declare members in the order of creation: they
// are destroyed in reverse order, as the verbs demand.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/check.hpp"

namespace srpi::verbs {

template<auto Destroy>
struct Destroyer {
  template<class T>
  void operator()(T* object) const noexcept {
    static_cast<void>(Destroy(object));
  }
};

// A queue pair that cannot be destroyed could still write to memory that its owner believes to be free, so
// the process must end. EIO and ENODEV mean that the device is gone; then there is no DMA.
inline void destroy_queue_pair(ibv_qp* qp) noexcept {
  const int error = ibv_destroy_qp(qp);
  SRPI_CHECK(error == 0 || error == EIO || error == ENODEV);
}
// The same applies to a memory region: after this call the device must not access it.
inline void destroy_memory_region(ibv_mr* mr) noexcept {
  const int error = ibv_dereg_mr(mr);
  SRPI_CHECK(error == 0 || error == EIO || error == ENODEV);
}

using ContextHandle = std::unique_ptr<ibv_context, Destroyer<ibv_close_device>>;
using ProtectionDomainHandle = std::unique_ptr<ibv_pd, Destroyer<ibv_dealloc_pd>>;
using MemoryRegionHandle = std::unique_ptr<ibv_mr, Destroyer<destroy_memory_region>>;
using CompletionChannelHandle = std::unique_ptr<ibv_comp_channel, Destroyer<ibv_destroy_comp_channel>>;
using CompletionQueueHandle = std::unique_ptr<ibv_cq, Destroyer<ibv_destroy_cq>>;
using QueuePairHandle = std::unique_ptr<ibv_qp, Destroyer<destroy_queue_pair>>;
using CmChannelHandle = std::unique_ptr<rdma_event_channel, Destroyer<rdma_destroy_event_channel>>;
using CmIdHandle = std::unique_ptr<rdma_cm_id, Destroyer<rdma_destroy_id>>;

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_ = -1;
};

// Makes reads from `fd` nonblocking. Returns 0 or an errno.
[[nodiscard]] int set_nonblocking(int fd) noexcept;

}  // namespace srpi::verbs
