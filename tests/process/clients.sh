#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nbdinfo, nbdcopy and qemu-img work on an exported logical unit and read what they wrote.
source "$(dirname "$0")/lib/daemon.bash"
need nbdinfo nbdcopy qemu-img cmp

start_daemon
output=$(srp connect 'ram://64M?luns=2' --name ram --listen "unix:$scratch/nbd.sock")
uri="nbd+unix:///lun0?socket=$scratch/nbd.sock"
[[ $output == *"$uri"* && $output == *"nbd+unix:///lun1?"* ]] || fail "connect printed: $output"

[[ $(timeout 20 nbdinfo --size "$uri") == 67108864 ]] || fail "nbdinfo shows another size"
timeout 20 nbdinfo --list --json "nbd+unix:///?socket=$scratch/nbd.sock" > "$scratch/exports"
json_is "$scratch/exports" '[.exports[]["export-name"]]' '["lun0", "lun1"]'
timeout 20 nbdinfo --can flush "$uri" || fail "no flush"

head -c 64M /dev/urandom > "$scratch/in"
timeout 60 nbdcopy --flush "$scratch/in" "$uri"
timeout 60 nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "nbdcopy reads something else than it wrote"
timeout 60 nbdcopy "nbd+unix:///lun1?socket=$scratch/nbd.sock" "$scratch/out"
cmp -n 67108864 /dev/zero "$scratch/out" || fail "a write to lun 0 reached lun 1"

timeout 20 qemu-img info --output=json "$uri" > "$scratch/info"
json_is "$scratch/info" '.["virtual-size"]' 67108864
timeout 60 qemu-img compare -f raw -F raw "$scratch/in" "$uri" || fail "qemu-img compare"
head -c 16M /dev/urandom > "$scratch/in2"
truncate -s 64M "$scratch/in2"
timeout 60 qemu-img convert -n -f raw -O raw "$scratch/in2" "$uri" || fail "qemu-img convert"
timeout 60 qemu-img compare -f raw -F raw "$scratch/in2" "$uri" || fail "qemu-img compare after convert"
stop_daemon
