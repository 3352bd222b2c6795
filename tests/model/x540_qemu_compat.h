/* SPDX-License-Identifier: GPL-2.0-or-later
 * QEMU's headers of PCI devices and properties, whose names and types differ between the versions that
 * the plugin is built for. After "qemu/osdep.h".
 */
#ifndef X540_QEMU_COMPAT_H
#define X540_QEMU_COMPAT_H

#if QEMU_VERSION_MAJOR >= 8
#include "hw/pci/pci_device.h"
#else
#include "hw/pci/pci.h"
#endif
#if QEMU_VERSION_MAJOR > 10 || (QEMU_VERSION_MAJOR == 10 && QEMU_VERSION_MINOR >= 2)
#include "hw/core/qdev-properties.h"
#else
#include "hw/qdev-properties.h"
#endif

/* What changed between the versions that we bridge: facts from the headers themselves. */
#if QEMU_VERSION_MAJOR > 10 || (QEMU_VERSION_MAJOR == 10 && QEMU_VERSION_MINOR >= 1)
#define CLASS_CONST const /* class_init's data and a type's interfaces */
#else
#define CLASS_CONST
#endif
#if QEMU_VERSION_MAJOR >= 10
#define PROPERTY_CONST const
#define PROPERTY_END   /* arrays of properties have no last mark any more */
#else
#define PROPERTY_CONST
#define PROPERTY_END DEFINE_PROP_END_OF_LIST(),
#endif

#endif
