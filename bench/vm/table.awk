# SPDX-License-Identifier: Apache-2.0
#
# From lines "ROW COLUMN FIGURE" to a table in Markdown, rows and columns in order of
# their first appearance. With ib_srp among the rows, the others have their ratio to it.
{
    if (!($1 in seen_row)) { seen_row[$1]; rows[++row_count] = $1 }
    if (!($2 in seen_column)) { seen_column[$2]; columns[++column_count] = $2 }
    figure[$1, $2] = $3
}
END {
    printf "| %-10s |", ""
    for (c = 1; c <= column_count; c++) printf " %17s |", columns[c]
    printf "\n|------------|"
    for (c = 1; c <= column_count; c++) printf "------------------:|"
    printf "\n"
    for (r = 1; r <= row_count; r++) {
        printf "| %-10s |", rows[r]
        for (c = 1; c <= column_count; c++) {
            own = figure[rows[r], columns[c]]
            peer = figure["ib_srp", columns[c]]
            text = own
            if (peer > 0 && rows[r] != "ib_srp" && own != "")
                text = sprintf("%s (%.2f x)", own, own / peer)
            printf " %17s |", text
        }
        printf "\n"
    }
}
