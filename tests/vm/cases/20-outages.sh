#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# 50 (6.12: 15) times target gone and back, 20 (5) times disconnect and reconnect, under verified I/O: no wrong byte, each outage seen
#
# rows: 1
# timeout: 600
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --reconnect-delay 1000
srp_follow /tmp/events
verified_start /dev/nbd0

# outage TABLE_ROW LOSE BRING_BACK: from the command's begin to the first EIO, and to the first good request.
outage() {
    local begin
    wait_until 30 verified_works
    begin=$(now_us)
    $2
    wait_until 20 verified_since error "$begin"
    echo $(($(verified_since error "$begin") - begin)) >>"/tmp/$1.loss"
    begin=$(now_us)
    $3
    wait_until 30 verified_since good "$begin"
    echo $(($(verified_since good "$begin") - begin)) >>"/tmp/$1.return"
    verified_is_fine
}
disconnect() { srp disconnect disk >/dev/null; }
reconnect() { srp reconnect disk >/dev/null; }

# One kernel with all of them is enough to find what is rare; the other shows that it is the same there.
outages=50 disconnects=20
if [[ $SRPI_KERNEL != 6.1 ]]; then outages=15 disconnects=5; fi

for ((i = 0; i < outages; i++)); do outage target target_offline target_online; done
say "$outages outages of the target"
losses=$(srp_counter losses)
((losses >= outages)) || fail "$outages outages, and $losses losses"
for ((i = 0; i < disconnects; i++)); do outage administrator disconnect reconnect; done
say "$disconnects disconnects"

verified_stop "$(disk_backing disk0)"
# Every one of them was told of.
losses=$(srp_counter losses)
told() { events_of /tmp/events ".from == \"live\" and .to == \"$1\"" | wc -l; }
all_told() { (($(told recovering) >= losses)); }
wait_until 10 all_told
expect_equal "losses in the events" "$(told recovering)" "$losses"
expect_equal "disconnects in the events" "$(told disconnecting)" "$disconnects"
same_bytes /dev/nbd0 "$(disk_backing disk0)"
{
    echo "| From, to (ms, kernel $SRPI_KERNEL) | minimum | median | maximum |"
    echo "|---|---|---|---|"
    echo "| target disabled, first EIO | $(minimum_median_maximum /tmp/target.loss) |"
    echo "| target enabled, first good I/O | $(minimum_median_maximum /tmp/target.return) |"
    echo "| \`disconnect\` begun, first EIO | $(minimum_median_maximum /tmp/administrator.loss) |"
    echo "| \`reconnect\` begun, first good I/O | $(minimum_median_maximum /tmp/administrator.return) |"
} | tee "$SRPI_RESULTS/outages.md"
srp erase disk
srp_stop
