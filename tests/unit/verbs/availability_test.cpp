// SPDX-License-Identifier: Apache-2.0
#include "verbs/availability.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support.hpp"

using namespace srpi;
using namespace srpi::verbs;
using verbs::test::has;

namespace {

// A simulated machine. The tests set it up step by step.
class Machine {
 public:
  Machine() {
    char name[] = "/tmp/srpi-machine-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~Machine() { std::filesystem::remove_all(root_); }
  Machine& with(const std::string& path) {
    std::filesystem::create_directories(root_ + path);
    return *this;
  }
  Error explain(int error) const {
    return explain_unavailable("open", error, {root_ + "/sys", root_ + "/dev"});
  }

 private:
  std::string root_;
};

}  // namespace

TEST_CASE("without a device the error says how to get one") {
  for (const int error : {ENODEV, ENOENT, EPERM, 0}) {
    const Error e = Machine().explain(error);
    CHECK(e.code == Errc::no_device);
    CHECK(has(e, "rdma link add"));
  }
}

TEST_CASE("without ib_uverbs or rdma_ucm the error names the module") {
  Machine machine;
  machine.with("/sys/class/infiniband/rxe0");
  CHECK(machine.explain(ENODEV).code == Errc::no_device);
  CHECK(has(machine.explain(ENODEV), "modprobe ib_uverbs"));
  machine.with("/sys/class/infiniband_verbs/uverbs0");
  CHECK(machine.explain(EPERM).code == Errc::no_device);
  CHECK(has(machine.explain(EPERM), "modprobe rdma_ucm"));
  machine.with("/sys/class/misc/rdma_cm");
  CHECK(machine.explain(ENOENT).code == Errc::no_device);
  CHECK(has(machine.explain(ENOENT), "rdma_cm is missing"));
  machine.with("/dev/rdma_cm");
  CHECK(machine.explain(EACCES).code == Errc::permission_denied);
  CHECK(has(machine.explain(EACCES), "/dev/rdma_cm"));
}

TEST_CASE("the error of a process limit does not blame the machine") {
  CHECK(Machine().explain(EMFILE).code == Errc::no_memory);
  CHECK(has(Machine().explain(EMFILE), "ulimit -n"));
  CHECK(Machine().explain(ENOMEM).code == Errc::no_memory);
}
