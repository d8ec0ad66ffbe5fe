#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# verified I/O of 512 B to 1 MiB at depth 32 through /dev/nbdX, compared byte for byte with the disks
#
# timeout: 400
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual
expect_equal "devices" "$(nbd_in_use | tr '\n' ' ')" "nbd0 nbd1 "
expect_equal "size of LUN 0" "$(blockdev --getsize64 /dev/nbd0)" $((256 << 20))
expect_equal "size of LUN 1" "$(blockdev --getsize64 /dev/nbd1)" $((64 << 20))

say "requests of up to 1 MiB"
set_max_transfer /dev/nbd0 1024
fio_verify /dev/nbd0 128
fio_verify_again "$(disk_backing disk0)" 128
say "requests of up to 128 KiB"
set_max_transfer /dev/nbd1 128
fio_verify /dev/nbd1 32
fio_verify_again "$(disk_backing disk1)" 32
same_bytes /dev/nbd0 "$(disk_backing disk0)"
same_bytes /dev/nbd1 "$(disk_backing disk1)"

say "buffered writes are on the disk after a flush"
head -c 8M /dev/urandom >/tmp/data
dd if=/tmp/data of=/dev/nbd0 bs=64k conv=fsync status=none
cmp -n $((8 << 20)) /tmp/data <(read_direct "$(disk_backing disk0)")

srp erase disk
expect_equal "nbd devices in use" "$(nbd_in_use)" ''
srp_stop
