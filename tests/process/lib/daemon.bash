# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Functions for all process tests: a scratch folder, a daemon, and checks that print what they saw.
set -euo pipefail

# shellcheck source=../../lib/observe.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../lib/observe.sh"

: "${SRP_NBD:?the path of the srp-nbd program}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/srp-nbd-test.XXXXXX")
export SRP_NBD_CONTROL=$scratch/control.sock
daemon_pid=
background_pids=()

# The exit status of a sanitizer's report. srp-nbd does not use it.
for sanitizer in ASAN LSAN TSAN UBSAN; do export "${sanitizer}_OPTIONS=exitcode=99:$(printenv "${sanitizer}_OPTIONS" || true)"; done

is_gone() { ! grep -qs '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status"; }  # a zombie counts as gone

clean_up() {
  local status=$? pid
  trap - EXIT
  for pid in "${background_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  if [[ -n $daemon_pid ]] && kill "$daemon_pid" 2>/dev/null; then
    wait_until 10 is_gone "$daemon_pid" || kill -9 "$daemon_pid" 2>/dev/null || true
  fi
  if ((status != 0 && status != 77)) && [[ -f $scratch/daemon.log ]]; then
    echo "--- the daemon's log:" >&2
    tail -40 "$scratch/daemon.log" >&2
  fi
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 143' TERM INT

fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "skipped: $*" >&2; exit 77; }
need() { local tool; for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is missing"; done; }
need jq
need_fio_nbd() { need fio; fio --enghelp=nbd >/dev/null 2>&1 || skip "fio has no nbd engine"; }

srp() { timeout 60 "$SRP_NBD" "$@"; }

start_daemon() {
  "$SRP_NBD" daemon --foreground "$@" 2>>"$scratch/daemon.log" &
  daemon_pid=$!
  wait_until 10 srp list || fail "the daemon does not answer"
}

stop_daemon() {
  kill -TERM "$daemon_pid"
  local status=0
  wait "$daemon_pid" || status=$?
  daemon_pid=
  ((status == 0)) || fail "the daemon ended with $status"
  [[ ! -e $SRP_NBD_CONTROL ]] || fail "the control socket stayed behind"
}

# expect CODE WORDS COMMAND... - checks the exit code, and that the output has WORDS.
expect() {
  local code=$1 words=$2 status=0 output
  shift 2
  output=$("$@" 2>&1) || status=$?
  ((status == code)) || fail "$*: expected exit code $code, got $status: $output"
  [[ $output == *"$words"* ]] || fail "$*: expected \"$words\" in: $output"
}

# talk - sends standard input to the control socket and prints the answers.
talk() { timeout 150 "$CONTROL_TALK" "$SRP_NBD_CONTROL"; }

# json_has FILE PATH... - each jq path (".luns[0].wwid") exists, with any value.
json_has() {
  local file=$1 path
  for path in "${@:2}"; do
    jq -e "path($path) as \$p | getpath(\$p[:-1]) | has(\$p[-1])" "$file" >/dev/null || fail "$path is missing in $(cat "$file")"
  done
}

# json_is FILE FILTER VALUE - the filter yields VALUE, written as JSON; null is a value, too.
json_is() {
  [[ $3 != null ]] || json_has "$1" "$2"
  jq -e --argjson value "$3" "($2) == \$value" "$1" >/dev/null || fail "$2: expected $3, got $(jq -c "$2" "$1")"
}

# json_matches FILE PATH EXPRESSION - the regular expression matches the whole string.
json_matches() {
  jq -e "$2 | strings | test(\"^($3)\$\")" "$1" >/dev/null || fail "$2: expected $3, got $(jq -c "$2" "$1")"
}
