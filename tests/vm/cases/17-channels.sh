#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# four RDMA channels per session: verified I/O over all, disconnect and reconnect, the target away and back
#
# timeout: 400
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --channels 4 --reconnect-delay 1000
all_channels() { session_is disk '.channels.wanted == 4 and .channels.live == 4'; }
wait_until 10 all_channels
say "verified I/O over all channels"
set_max_transfer /dev/nbd0 1024
fio_verify /dev/nbd0 128
fio_verify_again "$(disk_backing disk0)" 128
same_bytes /dev/nbd0 "$(disk_backing disk0)"

say "five times disconnect and reconnect"
for _ in 1 2 3 4 5; do
    srp disconnect disk
    srp reconnect disk
    wait_until 20 srp_state_is live
    wait_until 10 all_channels
done

say "the target away and back under I/O"
before=$(srp_counter commands)
fio --name=job --filename=/dev/nbd0 --size=64m --rw=randrw --bs=4k --iodepth=32 --direct=1 \
    --ioengine=libaio --time_based --runtime=200 --continue_on_error=io --output=/tmp/fio.log \
    --output-format=json &
fio_pid=$!
wait_until 30 srp_commands_above $((before + 500))
target_offline
wait_until 20 session_is disk '.state != "live"'
sleep 1
target_online
wait_until 30 srp_state_is live
wait_until 20 all_channels
kill -TERM $fio_pid  # fio prints its report then
wait $fio_pid || true
fio_says /tmp/fio.log '.jobs[0].total_err > 0' || fail "fio saw no error: $(cat /tmp/fio.log)"
fio_verify /dev/nbd0 64
fio_verify_again "$(disk_backing disk0)" 64
same_bytes /dev/nbd0 "$(disk_backing disk0)"
srp show disk
srp erase disk
srp_stop
