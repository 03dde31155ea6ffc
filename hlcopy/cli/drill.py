"""The drill: the real ticks against a venue in this process, interleaved, killed and lied to, all from one seed."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import options

if TYPE_CHECKING:
    from hlcopy.cli.options import Session
    from hlcopy.drill.episodes import Plan, Sums

app = typer.Typer(rich_markup_mode=None)

TICKS: Final = 3_000
RATE: Final = 0.2
_EXAMPLES: Final = """\
\b
Examples:
  hlcopy drill
  hlcopy drill --ticks 300000 --state drill.json
  hlcopy drill --seed 8 --faults 0.5 --double-kills
  hlcopy drill --prove
  hlcopy drill --replay hlcopy-drill-8000024.json

\b
Exit code 1 when something was violated, or a planted bug wasn't caught.
"""


@app.callback()
def _commands() -> None:
    """Keep `app` a group, whatever the number of its commands."""


@app.command("drill", epilog=_EXAMPLES)
def drill(
    *,
    ticks: Annotated[int, typer.Option(min=1, help="How many ticks, beside the single kills.")] = TICKS,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other faults.")] = 1,
    faults: Annotated[
        float, typer.Option(min=0.0, max=1.0, metavar="RATE", help="The share of requests that meet a fault.")
    ] = RATE,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="How many processes; as many as there are CPUs.", show_default=False),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Plant 15 bugs instead, and require that each is caught.")
    ] = False,
    double_kills: Annotated[
        bool, typer.Option("--double-kills", help="Kill the tick that follows each single kill at every effect, too.")
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(
            parser=options.file_of("--replay"),
            metavar="PATH",
            help="Play again what led to the violation in this file.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(
            parser=options.file_of("--state"),
            metavar="PATH",
            help="Keep what is done in this file, and go on from there.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Prove here that no fault leaves a position without a stop.

    Runs the ticks that trade, on a real database, against a venue in this process, with its clock: requests get lost, late
    and lied to, processes are killed at their effects, people and the venue interfere. After every step what must always
    hold is checked. No setting is read, no key, no database of yours; nothing leaves this machine. What is shown: each
    fault and how its episodes ended, the kills, and no violation, or a file to report.
    """
    from hlcopy.drill.episodes import Plan

    began = time.perf_counter()
    session = _session(as_json=as_json, quiet=quiet)
    if replay is not None:
        raise typer.Exit(_replay(session, replay))
    plan = Plan(ticks=ticks, seed=seed, rate=faults, jobs=jobs or os.cpu_count() or 1)
    if prove:
        raise typer.Exit(_prove(session, plan, began))
    raise typer.Exit(_drill(session, plan, state, began, twice=double_kills))


def _session(*, as_json: bool, quiet: bool) -> Session:
    """Return a session of the default settings: nothing of the user's is read."""
    from hlcopy.config import Settings

    return options.Session(settings=Settings(), as_json=as_json, quiet=quiet)


def _prove(session: Session, plan: Plan, began: float) -> int:
    from hlcopy.drill.prove import prove
    from hlcopy.drill.report import proof_document, proof_text

    with session.progress() as progress:
        proofs = prove(plan.seed, plan.jobs, progress=progress)
    if session.as_json:
        session.show_json(proof_document(proofs, seconds=time.perf_counter() - began))
    elif not session.quiet:
        session.show(proof_text(proofs, session.width))
    return 0 if all(each.caught_by for each in proofs) else 1


def _drill(session: Session, plan: Plan, state: Path | None, began: float, *, twice: bool) -> int:
    from hlcopy.drill.episodes import run
    from hlcopy.drill.kills import kill_everywhere
    from hlcopy.drill.report import drill_document, drill_text

    with session.progress() as progress:
        sums = run(plan, state=state, progress=progress)
        if not sums.failures:
            sums.add(kill_everywhere(plan.jobs, twice=twice, progress=progress))
        kept = _keep_failure(session, sums)
    seconds = time.perf_counter() - began
    if session.as_json:
        session.show_json(drill_document(plan, sums, seconds=seconds, failure=kept))
    elif not session.quiet or sums.failures:
        session.show(drill_text(plan, sums, session.width, seconds=seconds, failure=kept))
    return 1 if sums.failures else 0


def _replay(session: Session, path: Path) -> int:
    from hlcopy.drill.episodes import kept_failure
    from hlcopy.drill.kills import replayed
    from hlcopy.drill.report import replay_document, replay_text

    failure = kept_failure(path)
    again = replayed(failure)
    if session.as_json:
        session.show_json(replay_document(failure, again))
    elif not session.quiet or again is not None:
        session.show(replay_text(failure, again))
    return 0 if again is None else 1


def _keep_failure(session: Session, sums: Sums) -> str | None:
    """Shrink the first failure and keep it in a file, whose name is returned; None where there is none."""
    from hlcopy.drill.shrink import shrunk

    if not sums.failures:
        return None
    session.warn("something was violated: looking for the shortest way there")
    sums.failures[0] = shrunk(sums.failures[0])
    path = Path(f"hlcopy-drill-{sums.failures[0].seed}.json")
    path.write_text(json.dumps(asdict(sums.failures[0]), indent=1) + "\n")
    return str(path)
