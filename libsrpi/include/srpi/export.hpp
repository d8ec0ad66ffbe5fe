// SPDX-License-Identifier: Apache-2.0
// Marks what a shared libsrpi exports: the names that the headers of this folder declare. All other names of the library
// are hidden.
#pragma once

#define SRPI_EXPORT __attribute__((visibility("default")))
