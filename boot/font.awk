# SPDX-License-Identifier: BSD-2-Clause
# From the drawings of kernel/log/font.txt to a table, as assembly: five bytes a letter, one a column,
# bit 0 its top row.

/^[#.]/ {
    for (i = 1; i <= NF; i++)
        for (x = 0; x < 5; x++)
            if (substr($i, x + 1, 1) == "#")
                column[(band * 16 + i - 1) * 5 + x] += 2 ^ (row % 8)
    letters = band * 16 + NF
    if (++row % 8 == 0)
        band++
}
END {
    print "section .rodata progbits alloc noexec nowrite align=8\nglobal screen_font\nscreen_font:"
    for (i = 0; i < letters * 5; i++)
        print "db " column[i] + 0
}
