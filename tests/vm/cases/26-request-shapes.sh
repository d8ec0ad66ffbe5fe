#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# 4 and 8 MiB direct and buffered, one descriptor or many, every scheduler, scattered buffers (blktests srp/005-010, 012, 013)
#
# timeout: 500
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

large() { # DEVICE
    local size direct
    set_max_transfer "$1" 8192      # the daemon's largest request
    for size in 4m 8m; do
        for direct in 1 0; do
            fio_quiet --filename="$1" --size=16m --rw=write --bs=$size --iodepth=4 --direct=$direct --verify=crc32c \
                --do_verify=1 --verify_fatal=1 || fail "$size, direct=$direct"
        done
    done
}

srp_connect_usual
say "4 and 8 MiB with many descriptors a command"
large /dev/nbd0
same_bytes /dev/nbd0 "$(disk_backing disk0)"

say "buffers in 200 pieces"
"$SRPI_BUILD/tests/vm/programs/discontiguous_io" /dev/nbd0

say "every I/O scheduler"
for scheduler in mq-deadline kyber-iosched bfq; do modprobe -q $scheduler || true; done
read -r -a schedulers <<<"$(tr -d '[]' </sys/block/nbd0/queue/scheduler)"
((${#schedulers[@]} >= 3)) || fail "only these schedulers: ${schedulers[*]}"
for scheduler in "${schedulers[@]}"; do
    echo "$scheduler" >/sys/block/nbd0/queue/scheduler
    fio_verify /dev/nbd0 16
    echo "$scheduler: $(</sys/block/nbd0/queue/scheduler)"
done
same_bytes /dev/nbd0 "$(disk_backing disk0)"
srp erase disk

say "4 and 8 MiB with one descriptor a command"
srp connect "$(target_uri)&cmd_sg_entries=1" --name disk --initiator-port-id "$srp_initiator"
large /dev/nbd0
"$SRPI_BUILD/tests/vm/programs/discontiguous_io" /dev/nbd0
same_bytes /dev/nbd0 "$(disk_backing disk0)"
srp erase disk
srp_stop
