# SPDX-License-Identifier: BSD-2-Clause
# From `nm -n image` (sorted by address) to the symbol table that kernel/ksym.c reads, as assembly.
# Left out: labels inside assembly functions (a dot that the compiler did not put there), and the
# bounds that linker.ld sets. Addresses stay text: awk's numbers would lose bits.

$3 == "image_text_start" { start = $1 }
$3 == "image_text_end"   { end = $1 }
$2 ~ /^[tT]$/ && $3 !~ /^image_/ {
    plain = $3
    sub(/\.(part|constprop|isra|cold)(\.[0-9]+)?/, "", plain)
    if (plain !~ /\./) {
        address[n] = $1
        name[n] = $3
        n++
    }
}
END {
    print "section .ksym progbits alloc noexec nowrite align=8"
    print "global ksym_count, ksym_offsets, ksym_names"
    count = 0
    for (i = 0; i < n; i++)
        if ((address[i] "") >= (start "") && (address[i] "") < (end "") && address[i] != last) {
            offsets = offsets sprintf("dd 0x%s - 0x%s\n", substr(address[i], 9), substr(start, 9))
            names = names sprintf("db \"%s\", 0\n", name[i])
            last = address[i]
            count++
        }
    printf "ksym_count: dd %d\nksym_offsets:\n%sdd 0\nksym_names:\n%sdb 0\n", count, offsets, names
}
