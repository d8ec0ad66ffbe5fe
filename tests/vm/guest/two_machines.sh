# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034
#
# The first machine of a case with two: the initiator. The other one runs `peer`.

# peer COMMAND...: runs the command in the other machine, with the functions of lib.sh; prints its output, returns its status.
peer() {
    local order
    # The counter is in a file, because this may be a subshell.
    order=$(($(cat /tmp/peer.orders 2>/dev/null || echo 0) + 1))
    echo $order >/tmp/peer.orders
    order=$SRPI_RESULTS/peer/$order
    echo "$*" >"$order.partial"
    mv "$order.partial" "$order.order"
    wait_until 60 test -e "$order.status"
    cat "$order.output"
    return "$(<"$order.status")"
}

# Log in to the other machine's target as "disk", which is /dev/nbd0 then. $@: options of connect
two_machines_connect() {
    load_modules nbd sch_netem
    wait_until 120 test -e "$SRPI_RESULTS/peer/ready"
    rdma_start_on_wire 10.65.0.2
    srp_start
    srp connect "$(peer target_uri)" --name disk --initiator-port-id "$srp_initiator" "$@"
}

# wire_drops PERCENT: drops packets that this machine sends; 0 ends that.
wire_drops() {
    if tc qdisc show dev "$rdma_netdev" | grep netem >/dev/null; then
        tc -s qdisc show dev "$rdma_netdev"
        wire_dropped=$(tc -s qdisc show dev "$rdma_netdev" | sed -n 's/.*(dropped \([0-9]*\),.*/\1/p' | head -n 1)
        tc qdisc del dev "$rdma_netdev" root
    fi
    (($1 == 0)) || tc qdisc add dev "$rdma_netdev" root netem loss "$1%" limit 100000
}
