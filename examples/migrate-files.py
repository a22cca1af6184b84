#!/usr/bin/env python3
"""Print a plan that migrates the files of a module one by one, each by an agent of its own; then they run side by side.

    python3 examples/migrate-files.py 'src/*.py' --to 'pathlib instead of os.path' --test ./test.sh > migration.yaml
    git pliny execute --plan migration.yaml --dry-run     # look at it first
    git pliny execute --plan migration.yaml

A plan is data, so a plan for many files is a loop. Every agent changes one file; one that fails does not stop the
others, and `git pliny execute --resume` goes on with what is missing. Where agents must run tests meanwhile,
`--isolation worktree` gives each a git worktree of its own. Change it as you like: it is short.
"""

import argparse
import json
import subprocess
import sys

PROMPT = """\
Migrate the file {file} to: {to}.

- Change {file} only. What must change elsewhere, name at the end of your answer; an agent each sees to the other files:
  {others}
- What the file does stays the same: names that others import, results, errors, output.
- Migrate all of it. Where something can't be migrated, leave it as it is, and say why.
- Keep the style of the file. No other clean-up.
{{% if error %}}
An attempt before this one failed: {{{{ error }}}}
{{% endif %}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("patterns", nargs="+", help="files that git knows, or patterns of them: 'src/*.py'")
    parser.add_argument("--to", required=True, help="what to migrate to, in words")
    parser.add_argument("--test", default="git diff --check", help="the command that says whether all is well")
    parser.add_argument("--use", default="claude", help="the coding agent: `git pliny agents list` names them")
    parser.add_argument("--isolation", choices=["none", "worktree"], default="none", help="where each works")
    parser.add_argument("--budget", type=float, default=10.0, help="dollars for the whole migration")
    given = parser.parse_args()
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *given.patterns], check=True, capture_output=True, text=True
    )
    files = [file for file in listed.stdout.split("\0") if file]
    if not files:
        parser.error(f"git knows no file that matches {' '.join(given.patterns)}")
    json.dump(plan(files, given), sys.stdout, indent=2, ensure_ascii=False)  # JSON is YAML, too
    sys.stdout.write("\n")


def plan(files: list[str], given: argparse.Namespace) -> dict[str, object]:
    """One agent a file in a parallel phase; then a command that judges all of it together."""
    prompts = {file: PROMPT.format(file=file, to=given.to, others=", ".join(files[:50])) for file in files}
    agents: dict[str, object] = {
        file: {"use": given.use, "prompt": prompt, "timeout": "20m", "max_retries": 2}
        for file, prompt in prompts.items()
    }
    judge = {
        "run": f'{given.test} && git diff > "$PLINY_DELIVERABLES/migration.patch"',
        "deliverables": ["migration.patch"],
    }
    return {
        "task": f"Migrate {len(files)} files to {given.to}",
        "execution": {"jobs": 4, "checkpoint": "agent", "budget": {"cost_usd": given.budget}},
        "agents": {**agents, "check": judge},
        "phases": [
            {"name": "migrate", "parallel": True, "isolation": given.isolation, "agents": files},
            {"name": "check", "agents": ["check"]},
        ],
    }


if __name__ == "__main__":
    main()
