"""Agents that ask a model, many at a time, against a bare loop of the same library with as many threads.

Both are whole processes, imports and all, and ask the same server, which answers in 50 ms.
Run it: python tests/bench/bench_models.py [--agents N] [--jobs N] [--pairs N]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from model_server import running

BARE = """
import asyncio, sys, threading
from concurrent.futures import ThreadPoolExecutor
import openai
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

address, agents, jobs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
own = threading.local()

async def ask(number):
    if not hasattr(own, "model"):
        client = openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0)
        own.model = OpenAIChatModel("gpt-5", provider=OpenAIProvider(openai_client=client))
    parts = []
    async with model_request_stream(own.model, [ModelRequest.user_text_prompt(f"Say {number}.")]) as stream:
        async for event in stream:
            parts.append(event)
    return stream.get().usage.output_tokens

def in_thread(number):
    if not hasattr(own, "runner"):
        own.runner = asyncio.Runner()
    return own.runner.run(ask(number))

with ThreadPoolExecutor(jobs) as pool:
    assert all(pool.map(in_thread, range(agents)))
"""


def repository(folder: Path, address: str, agents: int, jobs: int) -> Path:
    """A repository with a plan of agents that ask the server."""
    folder.mkdir()
    asked = {
        f"a{number}": {"model": "openai/gpt-5", "prompt": f"Say {number}.", "base_url": address}
        for number in range(agents)
    }
    plan = {"execution": {"parallel": True, "jobs": jobs}, "agents": asked}
    (folder / "pliny.yaml").write_text(json.dumps(plan))
    environ = {**os.environ, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com"}
    environ |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "plan"]):
        subprocess.run(["git", *command], cwd=folder, env=environ, check=True)
    return folder


def timed(command: list[str], cwd: Path) -> float:
    """Seconds that a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=32)
    parser.add_argument("--pairs", type=int, default=5)
    asked = parser.parse_args()
    ratios, times = [], []
    with tempfile.TemporaryDirectory() as name, running(delay_s=0.05) as server:
        folder, address = Path(name), f"{server.address}/v1"
        (folder / "bare.py").write_text(BARE)
        bare = [sys.executable, "bare.py", address, str(asked.agents), str(asked.jobs)]
        for pair in range(asked.pairs):
            theirs = timed(bare, folder)
            ours = timed(
                ["git", "pliny", "execute"], repository(folder / f"r{pair}", address, asked.agents, asked.jobs)
            )
            ratios.append(ours / theirs)
            times.append((ours, theirs))
    ours, theirs = (statistics.median(each) for each in zip(*times, strict=True))
    sys.stdout.write(
        f"{asked.agents} model agents, {asked.jobs} at a time / a bare loop: {statistics.median(ratios):.2f} x"
        f" ({min(ratios):.2f} to {max(ratios):.2f}, {asked.pairs} pairs; {ours:.1f} s, {theirs:.1f} s; bound 1.3)\n"
    )


if __name__ == "__main__":
    main()
