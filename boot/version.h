/* SPDX-License-Identifier: BSD-2-Clause
 * From which commit the image is, and that commit's date: text that boot/version.sh takes from git.
 */
#ifndef BOOT_VERSION_H
#define BOOT_VERSION_H

extern const char version_commit[], version_date[];

#endif
