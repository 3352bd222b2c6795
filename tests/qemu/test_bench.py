# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark's program, without counting: it checks itself (every frame is sent once, changed as the
application specifies, and the counters balance), so a fast wrong loop fails."""
import subprocess
import sys

import pytest

from machine import ROOT

sys.path.insert(0, f"{ROOT}/tests/bench")
from count import APPS  # noqa: E402

PROGRAM = "build/bench/bench_loop"


@pytest.mark.parametrize("app", APPS)
def test_the_loop_that_is_counted_does_its_work(app):
    subprocess.run(["make", "-s", PROGRAM], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
    for burst, cores, frames in ((1, 1, 20000), (8, 1, 20000), (32, 1, 200000), (32, 16, 20000)):
        run = subprocess.run([PROGRAM, app, str(burst), str(frames), str(cores)], cwd=ROOT,
                             capture_output=True, text=True)
        assert run.returncode == 0, f"{burst} {cores}: {run.stderr or run.returncode}"
        assert int(run.stdout.split()[0]) >= frames
