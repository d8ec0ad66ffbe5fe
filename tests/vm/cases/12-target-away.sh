#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the target is disabled and enabled during I/O: I/O fails meanwhile, and the device comes back by itself
#
# rows: 1
# timeout: 300
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

# A machine that stands still for a moment must not count as a loss.
srp_connect_usual --reconnect-delay 1000 --ack-timeout-exponent 17
say "running I/O that goes on over errors"
fio --name=job --filename=/dev/nbd0 --size=64m --rw=randrw --bs=4k --iodepth=16 --direct=1 \
    --ioengine=libaio --time_based --runtime=200 --continue_on_error=io --output=/tmp/fio.log \
    --output-format=json &
fio_pid=$!
wait_until 30 srp_commands_above 500
target_offline
wait_until 20 session_is disk '.state != "live"'
reads_fail_at_once /dev/nbd0
sleep 2
target_online
wait_until 30 srp_state_is live
sleep 2
kill -TERM $fio_pid  # fio prints its report then
wait $fio_pid || true
fio_says /tmp/fio.log '.jobs[0].total_err > 0' || fail "fio saw no error: $(cat /tmp/fio.log)"

say "what is written now is on the disk"
fio_verify /dev/nbd0 64
fio_verify_again "$(disk_backing disk0)" 64
same_bytes /dev/nbd0 "$(disk_backing disk0)"
expect_equal "losses" "$(srp_counter losses)" 1
srp erase disk
srp_stop
