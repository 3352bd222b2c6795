/* SPDX-License-Identifier: BSD-2-Clause
 * Reads Ethernet frames from capture files: pcap in either byte order, and raw frames (*.bin).
 * Other link types and pcapng are skipped.
 */
#ifndef TESTS_UNIT_PCAP_H
#define TESTS_UNIT_PCAP_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void pcap_visit(void *context, const char *file, const uint8_t *frame, size_t n);

static inline uint32_t pcap_word(const uint8_t *p, bool is_swapped)
{
    return is_swapped ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                      : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Call visit for each frame of a file; returns how many. */
static inline unsigned pcap_file(const char *path, pcap_visit *visit, void *context)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return 0;
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(n + 1);
    n = fread(bytes, 1, n, f);
    fclose(f);

    unsigned frames = 0;
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".bin") == 0) {
        visit(context, path, bytes, n);
        frames = 1;
    } else if (n >= 24) {
        uint32_t magic = pcap_word(bytes, false);
        bool is_swapped = magic == 0xD4C3B2A1u || magic == 0x4D3CB2A1u;
        bool is_pcap = is_swapped || magic == 0xA1B2C3D4u || magic == 0xA1B23C4Du;
        if (is_pcap && (pcap_word(bytes + 20, is_swapped) & 0xFFFF) == 1) {
            for (size_t at = 24; n - at >= 16;) {
                size_t kept = pcap_word(bytes + at + 8, is_swapped);
                at += 16;
                if (kept > n - at)
                    break;
                visit(context, path, bytes + at, kept);
                frames++;
                at += kept;
            }
        }
    }
    free(bytes);
    return frames;
}

/* The same for every file in a folder and the folders in it. */
static inline unsigned pcap_folder(const char *folder, pcap_visit *visit, void *context)
{
    DIR *d = opendir(folder);
    unsigned frames = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char path[512];
        if (e->d_name[0] == '.' ||
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) >= sizeof(path))
            continue;
        if (e->d_type == DT_DIR)
            frames += pcap_folder(path, visit, context);
        else
            frames += pcap_file(path, visit, context);
    }
    if (d != NULL)
        closedir(d);
    return frames;
}

#endif
