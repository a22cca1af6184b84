"""A program in the place of `claude`: does what a script has for the prompt, and prints what the real one would.

The script is the JSON file that `STANDIN_SCRIPT` names, in the form of the model server's. Run as a program.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ANSWER = "Done."
TOKENS = {"inputTokens": 1000, "outputTokens": 30, "cacheReadInputTokens": 0, "cacheCreationInputTokens": 0}
COST_USD = 0.01


def install(folder: Path) -> None:
    """Put it into a folder of programs, as `claude`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "claude"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{__file__}" "$@"\n')
    program.chmod(0o755)


def take(name: str, arguments: dict[str, str]) -> None:
    """One call of a tool."""
    if name == "Write":
        path = Path(arguments["file_path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["content"])
    elif name == "Bash":
        subprocess.run(arguments["command"], shell=True, check=True, stdout=subprocess.DEVNULL)
    elif name == "Read":
        Path(arguments["file_path"]).read_text()


def main() -> None:
    script = json.loads(Path(os.environ["STANDIN_SCRIPT"]).read_text())
    prompt = sys.stdin.read()
    steps = next((steps for part, steps in script.items() if part in prompt), None)
    if steps is None:
        sys.exit(f"the script knows nothing of this prompt: {prompt[:200]}")
    for name, arguments in steps:
        take(name, {key: text.replace("{folder}", str(Path.cwd())) for key, text in arguments.items()})
    told: dict[str, Any] = {"type": "result", "subtype": "success", "is_error": False, "result": ANSWER}
    print(json.dumps({**told, "total_cost_usd": COST_USD, "modelUsage": {"claude-standin": TOKENS}}))


if __name__ == "__main__":
    main()
