#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# erase refuses devices that are open or mounted; forced, and at the daemon's end, it removes them without a hang
#
# timeout: 180
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual
exec {kept}</dev/nbd0
fio --name=job --filename=/dev/nbd0 --size=64m --rw=randread --bs=4k --iodepth=16 --direct=1 \
    --ioengine=libaio --time_based --runtime=60 >/tmp/fio.log 2>&1 &
fio_pid=$!
wait_until 30 srp_commands_above 500
srp_refused "(fio) has /dev/nbd0 open" erase disk
mke2fs -q /dev/nbd1
mkdir -p "/tmp/a place"
mount /dev/nbd1 "/tmp/a place"
srp_refused "/dev/nbd1 is mounted at /tmp/a place" erase disk
umount "/tmp/a place"
srp_state_is live || fail "a refused erase ended the session"
srp erase disk --force
timeout 30 tail --pid=$fio_pid -f /dev/null || fail "fio hangs after an erase"
must_fail dd bs=4k count=1 iflag=direct status=none <&$kept
exec {kept}<&-
expect_equal "nbd devices in use" "$(nbd_in_use)" ''

say "connected again, then the daemon is told to end"
srp_connect
same_bytes /dev/nbd1 "$(disk_backing disk1)"
srp_stop
rdma_is_free() { [[ $(rdma resource show qp | grep -vc GSI) == 0 ]]; }
wait_until 10 rdma_is_free
