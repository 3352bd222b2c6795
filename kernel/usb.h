/* SPDX-License-Identifier: BSD-2-Clause
 * USB controllers that firmware still drives, from its system management mode, so that a USB keyboard
 * works in a loader. Firmware must let go of one before its bus mastering is switched off: else its
 * SMIs go on, each of which stops every core. ferrule itself has no driver for USB.
 */
#ifndef KERNEL_USB_H
#define KERNEL_USB_H

#include "kernel/pci.h"

/* Is the function a USB controller of a kind with a hand-over (UHCI, OHCI, EHCI, xHCI)? */
bool usb_is_controller(const struct pci_dev *dev);

/* Are its registers within the first page tables (below 4 GiB), or does it need none? */
bool usb_is_reachable_early(const struct pci_dev *dev);

/* Take the controller from firmware: claim it, wait until firmware has let go, at most about a second
 * (USB_WAIT_READS), and switch its SMIs off. One log line, only if firmware does not let go; SMIs are
 * off then too. is_early: on the first page tables, else its registers are mapped. Boot CPU. */
#define USB_WAIT_READS 1000000u /* of port 80h, which takes about a microsecond on a PC */
void usb_hand_over(const struct pci_dev *dev, bool is_early);

#endif
