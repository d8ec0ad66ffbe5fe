#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# after a disconnect I/O fails at once and the device stays; after a reconnect the open device works again
#
# timeout: 240
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual
mkfs.ext4 -q /dev/nbd1
mkdir -p /tmp/mnt
mount /dev/nbd1 /tmp/mnt
head -c 1M /dev/urandom >/tmp/data
cp /tmp/data /tmp/mnt/file
umount /tmp/mnt
head -c 1M /dev/urandom | tee /tmp/block | dd of=/dev/nbd0 bs=1M oflag=direct iflag=fullblock status=none

say "requests in flight when it disconnects: each ends, none hangs"
exec {kept}</dev/nbd0
before=$(srp_counter commands)
fio --name=job --filename=/dev/nbd0 --offset=16m --size=64m --rw=randrw --bs=4k --iodepth=32 \
    --direct=1 --ioengine=libaio --time_based --runtime=60 >/tmp/fio.log 2>&1 &
fio_pid=$!
wait_until 30 srp_commands_above $((before + 500))
srp disconnect disk
srp_state_is disconnected || fail "not disconnected: $(srp show disk --json)"
session_is disk '.counters.outstanding == 0' || fail "requests outstanding after a disconnect"
if timeout 20 tail --pid=$fio_pid -f /dev/null; then :; else fail "fio hangs after a disconnect"; fi
grep -q 'Input/output error' /tmp/fio.log || fail "fio saw no error: $(cat /tmp/fio.log)"

say "reads and writes fail at once; device, size and index stay"
reads_fail_at_once /dev/nbd0
writes_fail_at_once /dev/nbd0
expect_equal "devices" "$(nbd_in_use | tr '\n' ' ')" "nbd0 nbd1 "
expect_equal "size of LUN 0" "$(blockdev --getsize64 /dev/nbd0)" $((256 << 20))
srp disconnect disk
sleep 3
srp_state_is disconnected || fail "came back although an administrator disconnected it"

say "connected again: the same open file reads the right data"
srp reconnect disk
srp_state_is live || fail "not live: $(srp show disk --json)"
cmp /tmp/block <(dd bs=1M count=1 iflag=direct,fullblock status=none <&$kept)
exec {kept}<&-
fsck.ext4 -fn /dev/nbd1
mount /dev/nbd1 /tmp/mnt
cmp /tmp/data /tmp/mnt/file
umount /tmp/mnt
fio_verify /dev/nbd0 64

srp erase disk
srp_stop
