# SPDX-License-Identifier: Apache-2.0
# ctest reads this before it runs the tests of a build with sanitizers: a report ends a program with a status that none of
# ours has.
foreach(sanitizer ASAN LSAN TSAN UBSAN)
  set(ENV{${sanitizer}_OPTIONS} "exitcode=99:print_stacktrace=1:$ENV{${sanitizer}_OPTIONS}")
endforeach()
