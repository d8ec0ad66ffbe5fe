#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ./demo --loopback works with the PATH of a Debian user and leaves nothing behind.
source "$(dirname "$0")/lib/daemon.bash"
need qemu-io nbdcopy nbdinfo debugfs mke2fs
need_fio_nbd

demo=$(dirname "$0")/../../tools/demo/loopback
PATH=$(dirname "$SRP_NBD"):/usr/local/bin:/usr/bin:/bin TMPDIR=$scratch timeout 120 bash "$demo" >"$scratch/story" 2>&1 ||
  fail "the demo ended with $?: $(tail -20 "$scratch/story")"
for words in "disconnected in" "Input/output error" "ram is live" "identical" "disconnected by fault" "ram erased"; do
  grep -q "$words" "$scratch/story" || fail "the demo does not say \"$words\": $(cat "$scratch/story")"
done
[[ -z $(find "$scratch" -mindepth 1 ! -name story) ]] || fail "the demo left $(find "$scratch" -mindepth 1)"
