"""Every bench, one after the other: the ratios of DESIGN section 11, each measured in one run on this machine.

    python tests/bench/run.py

For fair numbers use an installation that is not editable, on a machine with nothing else to do.
"""

import subprocess
import sys
from pathlib import Path

BENCHES = (
    ("bench_agents.py", "--growth", "10000"),
    ("bench_checkpoint.py",),
    ("bench_isolation.py",),
    ("bench_session_list.py",),
    ("bench_output.py",),
    ("bench_models.py",),
    ("bench_hooks.py",),
)


def main() -> int:
    """Run them; the exit status is that of the first that could not be run."""
    for name, *options in BENCHES:
        done = subprocess.run([sys.executable, str(Path(__file__).with_name(name)), *options], check=False)
        if done.returncode:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
