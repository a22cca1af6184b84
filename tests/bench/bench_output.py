"""Memory of an execution whose one agent prints a lot: the largest resident size of any of its processes.

    python tests/bench/bench_output.py [--megabytes N]

The bound is in DESIGN section 11: 150 MB for 1 GB of output.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_agents import timed


def main() -> None:
    """Print the size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        line = f"yes a line of output | head -c {asked.megabytes}M"
        (root / "pliny.yaml").write_text(f"agents: {{talk: {{run: '{line}'}}}}\n")
        os.environ.update(
            GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b"
        )
        timed(["git", "pliny", "execute"], root)
    unit = 1024 if sys.platform == "linux" else 1 << 20
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    sys.stdout.write(f"one agent that prints {asked.megabytes} MB: largest process {memory:.0f} MB (bound 150)\n")


if __name__ == "__main__":
    main()
