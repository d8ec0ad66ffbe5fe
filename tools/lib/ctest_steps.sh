# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The tests that a build has registered with ctest, as steps of steps.sh.

# ctest_tiers DIR TITLE: all of them in one run, so that one that waits costs no other anything, and a line of the table
# for each label. The seconds of such a line are those of its tests, one after the other.
ctest_tiers() {
    local dir=$1 title=$2 label
    step "$title" run_ctest "$dir"
    for label in $(ctest --test-dir "$dir" --print-labels | sed -n 's/^  //p'); do
        tier_line "$dir" "$title" "$label" --label-regex "^$label\$"
    done
    # "." is in every label: these have none.
    tier_line "$dir" "$title" other --label-exclude .
}

# tier_line DIR TITLE NAME CTEST_SELECTION...: from the log of the step that ran them all.
tier_line() {
    local dir=$1 title=$2 name=$3 tests verdict seconds counts
    shift 3
    tests=$(ctest --test-dir "$dir" "$@" --show-only | sed -n 's/^ *Test *#[0-9]*: //p')
    [[ -n $tests ]] || return 0
    IFS='|' read -r verdict seconds counts < <(awk -v tests="$tests" '
        BEGIN { expected = split(tests, names, "\n"); for (i in names) mine[names[i]] = 1 }
        $2 == "Test" && $3 ~ /^#[0-9]+:$/ && mine[$4] {
            passed += / Passed /; skipped += /\*\*\*Skipped/; seconds += $(NF - 1)
        }
        $2 == "Testing:" { in_mine = mine[$3] }
        in_mine && match($0, /in [0-9]+ test case|^test cases: +[0-9]+/) {
            split(substr($0, RSTART, RLENGTH), words, / +/)
            cases += words[1] == "in" ? words[2] : words[3]
        }
        END {
            failed = expected - passed - skipped
            printf "%s|%d|%d passed, %d failed%s%s\n", failed ? "FAIL" : skipped ? "skip" : "ok", seconds + 0.5,
                passed, failed, skipped ? ", " skipped " skipped" : "", cases ? ", " cases " test cases" : ""
        }' "$(step_log "$title")")
    step_line "  $name" "$verdict" "$seconds" "$counts"
}

run_ctest() {
    local dir=$1 status=0
    shift
    # One more than there are processors: some tests only wait.
    ctest --test-dir "$dir" "$@" --parallel "$(($(nproc) + 1))" --output-on-failure --no-tests=error \
        --timeout 600 || status=$?
    # What the test programs said they contain, for the counts.
    cat "$dir/Testing/Temporary/LastTest.log"
    return "$status"
}
