#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The URI that is printed opens the export, whatever bytes the socket's path has.
source "$(dirname "$0")/lib/daemon.bash"
need nbdinfo nbdcopy qemu-img cmp

folder="$scratch/a b#c&d%41?e+f=g;h\"ü"
mkdir "$folder"
start_daemon
srp connect 'ram://4M?luns=2' --name odd --listen "unix:$folder/{name}.s" --json > "$scratch/session"
head -c 4M /dev/urandom > "$scratch/in"
for lun in 0 1; do
  uri=$(jq -r ".luns[$lun].export" "$scratch/session")
  [[ $uri == "nbd+unix:///lun$lun?socket=$scratch/a%20b%23c%26d%2541%3Fe%2Bf%3Dg%3Bh%22%C3%BC/odd.s" ]] || fail "connect printed $uri"
  [[ $(timeout 20 nbdinfo --size "$uri") == 4194304 ]] || fail "nbdinfo does not open $uri"
  timeout 20 qemu-img info "$uri" > "$scratch/info" || fail "qemu-img does not open $uri"
done
timeout 60 nbdcopy "$scratch/in" "$uri"
timeout 60 nbdcopy "$uri" "$scratch/out"
cmp "$scratch/in" "$scratch/out" || fail "$uri reads something else than was written"
stop_daemon
