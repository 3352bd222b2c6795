/* SPDX-License-Identifier: BSD-2-Clause
 * Long work on core 0 in slices: between two of them core 0 polls its queues. The work (the console's
 * shell with the commands that it runs) has a stack of its own and gives way where it spends: when it
 * has spent SLICE_INSTRUCTIONS, slice_spend continues core 0's loop, and returns when that runs the
 * next slice. There is one such stack. Other code may call the same functions: elsewhere than on that
 * stack they do nothing.
 *
 * What the work sees may have changed whenever it has spent: core 0's other work ran meanwhile (links,
 * neighbours, routes to hosts), and other cores always do. So:
 *  - state is read again for each row that is printed; no pointer to what may go away is kept over a
 *    call that spends, and that is every call which prints;
 *  - what must change as one is changed without a call that spends. Log lines do not spend;
 *  - core 0's service does nothing while the work waits for another core (slice_is_waiting); its task
 *    (arch/task.h) goes on, also with calls by mailbox.
 */
#ifndef KERNEL_SLICE_H
#define KERNEL_SLICE_H

#include "arch/types.h"

/* One slice, in instructions as they are estimated where they are spent; a read of a card's register
 * takes a microsecond. Both together are far below the limit of a stretch between two polls of core 0:
 * 20,000 instructions and 4 reads. */
#define SLICE_INSTRUCTIONS 6000u
#define SLICE_READ         (SLICE_INSTRUCTIONS / 3)

/* Run `work` on its stack until it returns or its slice is spent; if it has not returned in earlier
 * slices, continue it instead. True: there is more to do. Core 0, in its loop, not from the work. */
bool slice_run(void (*work)(void));

/* Has the work not returned yet? And if so, does it wait in slice_wait? Core 0. */
bool slice_is_suspended(void);
bool slice_is_waiting(void);

/* The work has used, or is about to use, about so many instructions (0..SLICE_INSTRUCTIONS). Ends the
 * slice if that was the rest of it. Any core. */
void slice_spend(uint32_t instructions);

/* End the slice. False: the caller is not the work, and nothing happened. */
bool slice_end(void);

/* For a loop that waits for another core: end the slice. False: the caller is not the work, and core 0
 * cannot do anything else meanwhile. Any core. */
bool slice_wait(void);

#endif
