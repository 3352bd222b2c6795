#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Write the assembly file $1 with the commit of this tree and its date, "unknown" outside of git. The file
# is left alone if it has them already, so that nothing is linked anew.
commit=$(git describe --tags --always --dirty 2>/dev/null | tr -dc 'A-Za-z0-9._/+-' | cut -c1-60)
date=$(git log -1 --format=%cs 2>/dev/null | tr -dc '0-9-' | cut -c1-10)
{
    echo 'section .rodata'
    echo 'global version_commit, version_date'
    echo "version_commit: db '${commit:-unknown}', 0"
    echo "version_date: db '${date:-unknown}', 0"
} > "$1.new"
if cmp -s "$1.new" "$1"; then
    rm "$1.new"
else
    mv "$1.new" "$1"
fi
