#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `./demo --native` works on a machine with an RDMA device and nbd, and leaves nothing behind
#
# timeout: 300
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

# Without an RDMA device it says so and changes nothing.
must_fail env "SRPI_BUILD=$SRPI_BUILD" "$SRPI_ROOT/tools/demo/native" >/tmp/refused 2>&1
grep -q 'no RDMA device with an IPv4 address' /tmp/refused || fail "says: $(</tmp/refused)"

rdma_start
env "SRPI_BUILD=$SRPI_BUILD" "$SRPI_ROOT/tools/demo/native"

[[ ! -e /sys/kernel/config/target/srpt ]] || fail "a target is left"
[[ ! -e /sys/module/nbd ]] || fail "the nbd module is left"
must_fail pgrep -x srp-nbd
must_fail grep -q srpi-demo /proc/mounts
[[ ! -e /run/srp-nbd-demo.sock ]] || fail "the control socket is left"
rdma_is_free() { [[ $(rdma resource show qp | grep -vc GSI) == 0 ]]; }
wait_until 5 rdma_is_free
