#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# 15 outages of the target and 5 disconnects (--thorough: 50 and 20) under verified I/O: no wrong byte, and each outage is noticed
#
# rows: 1
# timeout: 600
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --reconnect-delay 1000
srp_follow /tmp/events
verified_start /dev/nbd0

# outage TABLE_ROW LOSE BRING_BACK: measures the time from each command's begin to the first EIO or good request.
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

# More of them find rarer failures.
outages=15 disconnects=5
if [[ -n $SRPI_THOROUGH ]]; then outages=50 disconnects=20; fi

for ((i = 0; i < outages; i++)); do outage target target_offline target_online; done
say "$outages outages of the target"
losses=$(srp_counter losses)
((losses >= outages)) || fail "$outages outages, and $losses losses"
for ((i = 0; i < disconnects; i++)); do outage administrator disconnect reconnect; done
say "$disconnects disconnects"

verified_stop "$(disk_backing disk0)"
# Each outage was reported.
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
