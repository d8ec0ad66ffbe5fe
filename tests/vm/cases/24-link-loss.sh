#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# between two machines: lost packets delay verified I/O; a silent peer is noticed, busy or idle; I/O works again after it
#
# Not on 6.12, because of two defects of its rxe. Packets lost in either direction can put the initiator's GSI queue pair
# into the error state, and then no login leaves the machine. And rxe can complete a truncated RDMA READ as successful
# (it warns in rxe_completer, with ib_srp too): once, the built-in target's READ of 16 KiB succeeded without the last
# 4 KiB. That may be why a write in doubt can leave zeroes on LIO's disk.
#
# rows: 2
# timeout: 400
# machines: 2
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

two_machines_connect --keepalive 1000 --reconnect-delay 1000
verified_start /dev/nbd0 8 16 4 30000

for percent in 1 10 30; do
    say "$percent % of the packets lost"
    before=$(srp_counter losses)
    wire_drops $percent
    sleep 8
    verified_is_fine
    wire_drops 0
    ((wire_dropped > 0)) || fail "no packet was dropped"
    begin=$(now_us)
    wait_until 20 srp_state_is live
    # The number of failed retries depends on the machines' speed. The bytes do not.
    echo "$wire_dropped packets dropped, $(($(srp_counter losses) - before)) sessions lost"
done

say "a silent peer under I/O: noticed, and back when it answers again"
sleep 2
for ((i = 0; i < 5; i++)); do
    wait_until 20 srp_state_is live
    sleep 1
    wait_until 30 verified_works
    begin=$(now_us)
    wire_drops 100
    wait_until 20 verified_since error "$begin"
    echo $(($(verified_since error "$begin") - begin)) >>/tmp/silent.loss
    begin=$(now_us)
    wire_drops 0
    wait_until 30 verified_since good "$begin"
    echo $(($(verified_since good "$begin") - begin)) >>/tmp/silent.return
    verified_is_fine
done
slowest=$(sort -n /tmp/silent.loss | tail -n 1)

say "a link that goes down at the other end"
wait_until 30 verified_works
begin=$(now_us)
peer ip link set srpi0 down
wait_until 20 verified_since error "$begin"
begin=$(now_us)
peer ip link set srpi0 up
wait_until 30 verified_since good "$begin"
verified_stop

say "a silent peer of an idle session: noticed by the keepalive"
wait_until 20 srp_state_is live
before=$(srp_counter losses)
begin=$(now_ms)
wire_drops 100
noticed() { (($(srp_counter losses) > before)); }
wait_until 20 noticed
idle=$(($(now_ms) - begin))
wire_drops 0
wait_until 30 srp_state_is live

cp $verified_state "$SRPI_RESULTS/verified.state"
peer '"$SRPI_BUILD/tests/vm/programs/verified_io"' check /dev/disk0 '"$SRPI_RESULTS/verified.state"'
{
    echo "| From, to (ms, kernel $SRPI_KERNEL) | minimum | median | maximum |"
    echo "|---|---|---|---|"
    echo "| peer silent under I/O, first EIO | $(minimum_median_maximum /tmp/silent.loss) |"
    echo "| peer answers again, first good I/O | $(minimum_median_maximum /tmp/silent.return) |"
    echo "| peer silent, idle, keepalive 1 s: noticed | $idle | | |"
} | tee "$SRPI_RESULTS/link-loss.md"
# The promise is 2 s, but an emulated machine on a busy host is late. This limit still finds a hang.
((slowest <= 10000000)) || fail "a silent peer under I/O was noticed only after $((slowest / 1000)) ms"
((idle <= 10000)) || fail "a silent peer of an idle session was noticed only after $idle ms"
srp erase disk
srp_stop
