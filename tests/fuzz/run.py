"""Give the parsers of strangers' bytes millions of hostile answers.

    python -m tests.fuzz.run --executions 10000000 --jobs 2

Where atheris is installed it looks for bytes that reach new code, else our own mutator works alone; `--engine own` chooses
that, which is several times as fast. What ends otherwise than with a named error, takes a second or more, or gives what
can't be reckoned with is kept in tests/fuzz/found, which the suite replays.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fuzz.harness import Target

FOUND: Final = Path(__file__).parent / "found"
SLOW_S: Final = 1.0
_HANGS_S: Final = 120
_MEMORY: Final = 4 * 2**30
_MOST_KEPT: Final = 20
_LIGHTER: Final = {"settings-file": 0.1, "settings-environment": 0.1}
"""Targets that get a smaller share: each of their executions takes as long as ten of others."""


@dataclass
class Tally:
    """What became of a target's executions; `seconds` are the processor's."""

    target: str
    executions: int = 0
    refused: int = 0
    unexpected: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    peak_mib: float = 0.0
    kinds: dict[str, int] = field(default_factory=dict)


class Trial:
    """Calls one target, counts what happens and keeps what should not."""

    def __init__(self, name: str, target: Target, kept: Path) -> None:
        self.tally = Tally(name)
        self._target = target
        self._kept = kept

    def __call__(self, data: bytes) -> None:
        """Execute once."""
        self.tally.executions += 1
        began = time.process_time()
        kind = ""
        try:
            self.tally.refused += self._target(data) is not None
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            kind = type(error).__name__
        took = time.process_time() - began
        self.tally.slowest = max(self.tally.slowest, took)
        if took >= SLOW_S:
            kind = kind or "slow"
        if kind:
            self._keep(kind, data)

    def _keep(self, kind: str, data: bytes) -> None:
        self.tally.unexpected += 1
        self.tally.kinds[kind] = count = self.tally.kinds.get(kind, 0) + 1
        if count <= _MOST_KEPT:
            folder = self._kept / self.tally.target
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)


def main(argv: Sequence[str] | None = None) -> int:
    """Run all targets or some; print a line for each; return 1 when anything unexpected happened."""
    asked = _arguments(argv)
    if asked.worker:
        return _work(asked)
    from tests.fuzz.targets import TARGETS

    names = asked.target or list(TARGETS)
    if unknown := [name for name in names if name not in TARGETS]:
        sys.stderr.write(f"error: no target {', '.join(unknown)}; there are {', '.join(TARGETS)}\n")
        return 2
    weights = {name: _LIGHTER.get(name, 1.0) for name in names}
    share = asked.executions / sum(weights.values())
    began = time.monotonic()
    sys.stdout.write(
        f"{'target':22}{'executions':>12}{'refused':>12}{'per second':>12}{'slowest':>10}{'unexpected':>12}\n"
    )
    with ThreadPoolExecutor(asked.jobs) as pool:
        running = [pool.submit(_start, asked, name, -(-share * weights[name] // 1)) for name in names]
        tallies = [_shown(each.result()) for each in running]
    executions, unexpected = (sum(getattr(tally, name) for tally in tallies) for name in ("executions", "unexpected"))
    took = time.monotonic() - began
    sys.stdout.write(
        f"{len(tallies)} targets, {executions:,} executions in {took:,.0f} s ({executions / took:,.0f} a second), "
        f"seed {asked.seed}, engine {asked.engine}: {unexpected:,} unexpected\n"
    )
    return 1 if unexpected else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="in all (default %(default)s)")
    parser.add_argument("--target", action="append", metavar="NAME", help="only this one; may be given several times")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: cores)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31), help="default: a new one")
    engine = "atheris" if find_spec("atheris") else "own"
    parser.add_argument("--engine", choices=("atheris", "own"), default=engine, help="default here: %(default)s")
    parser.add_argument("--keep", type=Path, default=FOUND, metavar="DIR", help="where to keep what was found")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def _start(asked: argparse.Namespace, name: str, executions: float) -> Tally:
    """Run one target in a process of its own, so that what hangs or eats memory ends that and nothing else."""
    options = ["--target", name, "--executions", str(int(executions)), "--seed", str(asked.seed)]
    options += ["--engine", asked.engine, "--keep", str(asked.keep), "--worker"]
    done = subprocess.run([sys.executable, "-m", "tests.fuzz.run", *options], capture_output=True, check=False)
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(b'{"target"'):
            return Tally(**json.loads(line))
    sys.stderr.write(done.stderr.decode(errors="replace")[-2_000:])
    return Tally(name, unexpected=1, kinds={f"ended with {done.returncode}": 1})


def _shown(tally: Tally) -> Tally:
    rate = tally.executions / tally.seconds if tally.seconds else 0.0
    kinds = "".join(f"  {kind}: {count}" for kind, count in tally.kinds.items())
    sys.stdout.write(
        f"{tally.target:22}{tally.executions:>12,}{tally.refused:>12,}{rate:>12,.0f}{tally.slowest * 1e3:>7,.0f} ms"
        f"{tally.unexpected:>12,}{kinds}\n"
    )
    sys.stdout.flush()
    return tally


def _work(asked: argparse.Namespace) -> int:
    (name,) = asked.target
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    run: Callable[[str, int, int, Path], None] = _with_atheris if asked.engine == "atheris" else _alone
    run(name, asked.executions, asked.seed, asked.keep)
    return 0


def _tell(trial: Trial, began: float) -> None:
    trial.tally.seconds = time.process_time() - began
    trial.tally.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"\n{json.dumps(asdict(trial.tally))}\n")
    sys.stdout.flush()


def _alone(name: str, executions: int, seed: int, kept: Path) -> None:
    from tests.fuzz.mutate import Mutator
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    trial = Trial(name, target, kept)
    mutator = Mutator(target.seeds, random.Random(f"{name} {seed}"))  # noqa: S311 - no secret
    began = time.process_time()
    for number in range(executions):
        if number % 500 == 0:
            faulthandler.dump_traceback_later(_HANGS_S, exit=True)
        trial(mutator.next())
    faulthandler.cancel_dump_traceback_later()
    _tell(trial, began)


def _with_atheris(name: str, executions: int, seed: int, kept: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["hlcopy"]):
        from tests.fuzz.mutate import Mutator
        from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    trial = Trial(name, target, kept)
    began = time.process_time()

    def execute(data: bytes) -> None:
        trial(data)
        if trial.tally.executions >= executions:
            _tell(trial, began)
            os._exit(0)  # libFuzzer's own end runs nothing of Python's

    def mutate(data: bytes, most: int, number: int) -> bytes:
        rng = random.Random(number)  # noqa: S311 - no secret
        dice = rng.random()
        if dice < 0.3:
            changed = Mutator(target.seeds, rng).next()
        else:
            changed = Mutator(target.seeds, rng).changed(data) if dice < 0.9 else atheris.Mutate(data, most)
        return bytes(changed[:most])

    options = [f"-seed={seed % 2**31 or 1}", f"-runs={2 * executions}", f"-timeout={_HANGS_S}", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *options, "-rss_limit_mb=4096", "-verbosity=0"], execute, custom_mutator=mutate)
    for example in target.seeds:
        trial(example)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
