"""The audit of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from hlcopy.cli import logs
from hlcopy.errors import BadInputError

if TYPE_CHECKING:
    from hlcopy.backtest.audit import Audit
    from hlcopy.backtest.run import Plan
    from hlcopy.cli.options import Session

EXAMPLES: Final = """\
\b
Examples:
  hlcopy backtest audit --from 2025-03-16 --to 2025-05-01 \\
      --trader 0x513b8629fe877bb581bf244e326a047b249c4ff1=2000000
  hlcopy backtest audit --from 2025-03-16 --to 2025-05-01 --moments 20
  hlcopy backtest audit ... --prove

\b
Exit code 1 when a decision depends on what came after it.
"""

Moments = Annotated[
    int, typer.Option(min=1, max=1_000, help="After how many moments the future is changed, twice each.")
]
Seed = Annotated[int, typer.Option(min=0, help="Other moments, other futures.")]
Prove = Annotated[
    bool,
    typer.Option("--prove", help="Plant leaks, one after the other, and require that each is found."),
]


def show(session: Session, plan: Plan, *, moments: int, seed: int, prove: bool) -> int:
    """Audit, say what was found, and return the exit code."""
    from hlcopy.render.audit import audit_document, audit_text

    audits = _audits(session, plan, moments=moments, seed=seed, prove=prove)
    passed = all(each.passed is not prove for each in audits)
    logs.log("audit", first=str(plan.first_day), last=str(plan.last_day), passed=passed, planted=prove)
    if session.as_json:
        session.show_json(audit_document(audits, passed=passed))
    else:
        session.show(audit_text(audits, session.width, passed=passed))
    return 0 if passed else 1


def _audits(session: Session, plan: Plan, *, moments: int, seed: int, prove: bool) -> list[Audit]:
    from hlcopy.backtest.audit import audit
    from hlcopy.backtest.decisions import Kind

    if prove and plan.equity:
        message = "--prove also leaks into scoring and selection, so it's for a backtest without --trader"
        raise BadInputError(message)
    with session.store() as store, session.progress() as progress:
        return [
            audit(store, plan, moments=moments, seed=seed, planted=planted, progress=progress)
            for planted in (list(Kind) if prove else [None])
        ]
