#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the verbs fabric alone connects to the kernel's target, transfers, loses and aborts connections, and reports failures
#
# timeout: 240
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

initiators=(00000000000000bb0000000000000001 01000000000000bb0000000000000001)
nobody=00000000000000000000000000000000
as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
without_ipc_lock=(setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock)

# probe_at HOST PORT TARGET COMMAND [ARGUMENT]; runs under the command $under, if set.
under=()
probe_at() {
    "${under[@]}" "$SRPI_BUILD/tests/vm/programs/verbs_probe" "$4" "$1" "$2" "$3" "${initiators[0]}" "${@:5}"
}
probe() { probe_at "$rdma_address" "$target_port" "$(target_id_ext)$(target_ioc_guid)" "$@"; }
# An address without a machine; no target gets a request.
probe_host() { probe_at "$1" "$target_port" $nobody "${@:2}"; }

# lose CODE COMMAND...: the command ends two connections that sleep in two threads.
lose() {
    rm -f /tmp/ready
    probe lose "$1,/tmp/ready" &
    wait_until 30 test -e /tmp/ready
    sleep 0.3
    "${@:2}"
    wait $!
}

say "no device; no module for programs; no permission"
probe_host "$rdma_address" fails "no device"
rdma_start
modprobe -r rdma_ucm
echo "install rdma_ucm /bin/false" >/etc/modprobe.d/srpi-test.conf
probe_host "$rdma_address" fails "no device"
rm /etc/modprobe.d/srpi-test.conf
modprobe rdma_ucm
under=("${as_nobody[@]}")
chmod 600 /dev/infiniband/rdma_cm
probe_host "$rdma_address" fails "permission denied"
chmod 666 /dev/infiniband/rdma_cm
chmod 600 /dev/infiniband/uverbs0
probe_host "$rdma_address" fails "permission denied"
chmod 666 /dev/infiniband/uverbs0
under=()

say "nobody there: silence, no route, an interface without RDMA, a foreign source address, InfiniBand"
probe_host 10.65.0.99 fails unreachable
probe_host 10.99.0.1 fails unreachable
ip link add srpi9 type dummy
ip link set srpi9 up
ip address add 10.78.0.1/24 dev srpi9
probe_host 10.78.0.2 fails "no device"
ip link delete srpi9
PROBE_SOURCE=10.99.0.1 probe_host "$rdma_address" fails unreachable
probe_host "$rdma_address" native
probe_host "$rdma_address" refused

say "limits: RLIMIT_MEMLOCK, queues beyond the device's, too much private data"
under=("${without_ipc_lock[@]}")
probe_host "$rdma_address" memlock
under=()
probe_host "$rdma_address" limits

say "the target refuses: no access list, not the right target, the wrong port"
target_start
disk_add_null disk0 64 11111111-0000-4000-8000-000000000000
target_map 0 disk0
target_online
probe login-rejected
for initiator in "${initiators[@]}"; do target_permit "$initiator"; done
probe_host "$rdma_address" login-rejected
probe_at "$rdma_address" 5556 $nobody refused

say "connected"
probe io
PROBE_SOURCE=$rdma_address probe io
probe cycles 20

say "abort at every step waits for nobody, nor for a host that swallows every packet"
ip neigh replace 10.65.0.98 lladdr 02:00:00:00:05:02 dev "$rdma_netdev"
probe aborts 10.65.0.99,10.65.0.98

say "the target goes away; so does the link; so does the device"
lose "not connected" target_offline
probe login-rejected
target_online
# Use the veth's other end: rxe does not survive a CM message over an interface that is down.
lose unreachable ip link set "${rdma_netdev}p" down
ip link set "${rdma_netdev}p" up
wait_until 10 rdma_link_active
probe io

rdma link add srpi_rxe1 type rxe netdev "${rdma_netdev}p"
rm -f /tmp/ready
probe unplug /tmp/ready &
wait_until 30 test -e /tmp/ready
# Blocks until every context is closed. The program, with librdmacm in it, goes on.
timeout 20 rdma link delete "$rdma_device" || fail "the device cannot be removed while the program lives"
rm /tmp/ready
wait $!
rdma link delete srpi_rxe1
