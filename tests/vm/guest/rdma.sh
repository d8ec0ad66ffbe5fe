# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# An RDMA device without hardware: rxe over one end of a veth pair. Initiator and target
# share the device, so packets go round inside rxe: `tc` and packet filters do not see
# them, `ip link set srpi0 down` does stop them.

rdma_device=rxe0
rdma_netdev=srpi0
rdma_address=10.65.0.1

rdma_start() {
    # rxe chooses its CRC when a device is made. With udev, the processor's own is loaded
    # by then. With the table-driven one, data would cost twice as much.
    [[ ${SRPI_CRC:-processor} == generic ]] || modprobe -q crc32_pclmul || true
    load_modules veth crc32_generic rdma_rxe rdma_ucm ib_uverbs
    # A fixed MAC makes the GIDs and all names the same each time.
    ip link add "$rdma_netdev" address 02:00:00:00:05:01 mtu 4200 type veth \
        peer name "${rdma_netdev}p" address 02:00:00:00:05:02 mtu 4200
    ip link set "$rdma_netdev" up
    ip link set "${rdma_netdev}p" up
    ip address add "$rdma_address/24" dev "$rdma_netdev"
    rdma link add "$rdma_device" type rxe netdev "$rdma_netdev"
    wait_until 10 rdma_link_active
    wait_until 10 rdma_gid_of_address
}

# The same over the wire to another machine (`vm --peer`), where tc and packet filters do see the packets.
# rdma_start_on_wire ADDRESS
rdma_start_on_wire() {
    local device
    rdma_address=$1
    modprobe -q crc32_pclmul || true
    load_modules virtio_net crc32_generic rdma_rxe rdma_ucm ib_uverbs
    wait_until 10 wire_device
    device=$(wire_device)
    [[ $device == "$rdma_netdev" ]] || ip link set "$device" name "$rdma_netdev"
    # Room for a packet of 4096 bytes and its headers.
    ip link set "$rdma_netdev" mtu 4200 up
    ip address add "$rdma_address/24" dev "$rdma_netdev"
    rdma link add "$rdma_device" type rxe netdev "$rdma_netdev"
    wait_until 10 rdma_link_active
    wait_until 10 rdma_gid_of_address
}

wire_device() {
    local address
    for address in /sys/class/net/*/address; do
        [[ $(<"$address") == 02:00:00:00:06:* ]] || continue
        address=${address%/address}
        echo "${address##*/}"
        return
    done
    return 1
}

rdma_stop() {
    # Blocks until every verbs context on it is closed.
    if [[ -e /sys/class/infiniband/$rdma_device ]]; then
        timeout 20 rdma link delete "$rdma_device" || return 1
    fi
    # The wire's end cannot be deleted.
    if [[ -e /sys/class/net/${rdma_netdev}p ]]; then ip link delete "$rdma_netdev"; fi
}

rdma_link_active() {
    [[ $(<"/sys/class/infiniband/$rdma_device/ports/1/state") == *ACTIVE ]]
}

rdma_gid_of_address() {
    local gid
    for gid in "/sys/class/infiniband/$rdma_device/ports/1/gids"/{0..7}; do
        [[ $(<"$gid") == *:ffff:0a41:000${rdma_address##*.} ]] && return
    done
    return 1
}

# GID 0 and the node's GUID as plain hexadecimal digits.
rdma_gid0_hex() { tr -d ':\n' <"/sys/class/infiniband/$rdma_device/ports/1/gids/0"; }
rdma_node_guid_hex() { tr -d ':\n' <"/sys/class/infiniband/$rdma_device/node_guid"; }
