#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the RDMA device is removed during I/O and while its session is lost, and is added again (blktests srp/016)
#
# rows: 6
# timeout: 240
# kernels: 6.12
# machines: 2
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

two_machines_connect --reconnect-delay 1000
# librdmacm keeps the context of the last device, so this one must not be the last.
ip link add spare0 type veth peer name spare1
ip link set spare0 up
rdma link add rxe1 type rxe netdev spare0
not_live() { ! srp_state_is live; }

unplug() { # WHAT
    local begin
    begin=$(now_ms)
    # Returns when every context on the device is closed, the daemon's included.
    timeout 30 rdma link delete "$rdma_device" || fail "$1: the device cannot be removed while the daemon lives"
    echo "$1: removed within $(($(now_ms) - begin)) ms"
    must_fail dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct status=none
}
plug_in() { rdma link add "$rdma_device" type rxe netdev "$rdma_netdev"; }

verified_start /dev/nbd0 8 16 4 30000
for ((i = 0; i < 5; i++)); do
    sleep 1
    wait_until 30 verified_works
    begin=$(now_us)
    unplug "under I/O"
    wait_until 20 verified_since error "$begin"
    wait_until 5 not_live
    verified_is_fine

    begin=$(now_us)
    plug_in
    wait_until 30 verified_since good "$begin"
    verified_is_fine
done
verified_stop
expect_equal "losses" "$(srp_counter losses)" 5

peer target_offline
wait_until 20 not_live
unplug "between attempts"
plug_in
peer target_online
wait_until 20 srp_state_is live

kill -0 "$srp_daemon_pid" || fail "the daemon is gone"
cp $verified_state "$SRPI_RESULTS/verified.state"
peer '"$SRPI_BUILD/tests/vm/programs/verified_io"' check /dev/disk0 '"$SRPI_RESULTS/verified.state"'
srp erase disk
srp_stop
rdma link delete rxe1
ip link delete spare0
