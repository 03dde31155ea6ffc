"""The script of the present: who enters when and where, what prices do meanwhile, and how it ends.

Ten days in which a copier with default settings meets every reason of an exit and most reasons to skip. Amounts, times,
sides and coins differ by seed; what a scene is there for doesn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from hlcopy.simulator.styles import BEAR, BOLD, GAMBLER, KEEN, NIMBLE, PATIENT, SLICER, SLOW, STEADY, WHALE

if TYPE_CHECKING:
    from hlcopy.simulator.styles import Style

SCRIPT_DAYS: Final = 10
LONG: Final = 1
SHORT: Final = -1
DRAWN: Final = 0
OPPOSITE: Final = 2  # of the side that the first surge was drawn

How = Literal["take", "rest", "twap"]
Span = tuple[float, float]


class Step(NamedTuple):
    """A move of the price: over so many hours, by so many percent in the trader's favour."""

    hours: Span
    percent: Span


class Act(NamedTuple):
    """What a trader does after the entry: minutes later, to which factor of the position, and by what kind of order."""

    minutes: Span
    factor: Span
    how: How = "take"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An entry in a coin's role, so many hours into the present, and what follows; `ticket` is the share of equity.

    With `doomed` the venue ends it.
    """

    actor: Style
    coin: str
    at: Span
    side: int = DRAWN
    ticket: Span
    how: How = "take"
    steps: tuple[Step, ...] = ()
    acts: tuple[Act, ...] = ()
    doomed: bool = False


ALL_OUT: Final = (0.0, 0.0)
SURGE: Final = (Step((0.8, 1.2), (0.0, 0.2)), Step((28, 36), (15, 19)), Step((8, 12), (-13, -11.5)))
FALL: Final = (Step((14.8, 15.2), (-0.5, 0.0)), Step((2.4, 3.0), (-8.0, -6.9)))
CALM: Final = (Step((20, 24), (-0.9, 0.9)), Step((26, 30), (-0.9, 0.9)), Step((32, 34), (-0.6, 0.6)))
DRIFT: Final = (Step((2, 3), (-0.02, 0.02)), Step((40, 46), (1.0, 2.2)), Step((34, 36), (-0.6, 0.6)))
GAIN: Final = (Step((58, 62), (4.6, 6.4)), Step((18, 20), (-0.3, 0.3)))
JUMP: Final = (Step((0.05, 0.06), (0.0, 0.0)), Step((0.06, 0.08), (3.4, 4.4)), Step((4, 6), (-0.3, 0.3)))
PROFIT: Final = (Step((36, 40), (11.5, 13.5)), Step((42, 44), (-0.6, 0.6)))
TURN: Final = (Step((18, 22), (6.5, 8.0)), Step((8, 10), (-11.0, -10.0)))
FLAT: Final = (Step((6, 9), (-0.3, 0.3)),)

SCENES: Final = (
    # The first wave. Five positions are full when NIMBLE enters a sixth coin; then BOLD's coin falls.
    Scene(
        actor=SLICER,
        coin="BTC",
        at=(3.0, 4.5),
        side=LONG,
        ticket=(0.18, 0.3),
        steps=CALM,
        acts=(Act((310, 380), (1.2, 1.4)), Act((1500, 1800), ALL_OUT, "twap")),
    ),
    Scene(
        actor=PATIENT,
        coin="a1",
        at=(6.0, 8.0),
        ticket=(0.16, 0.3),
        steps=SURGE,
        acts=(Act((35, 70), (1.4, 1.6)), Act((2200, 2500), ALL_OUT)),
    ),
    Scene(
        actor=BOLD,
        coin="a2",
        at=(9.5, 10.5),
        ticket=(0.18, 0.35),
        steps=FALL,
        acts=(Act((1110, 1180), ALL_OUT),),
    ),
    Scene(actor=STEADY, coin="a6", at=(12.0, 13.0), ticket=(0.14, 0.25), steps=FLAT, acts=(Act((4, 9), ALL_OUT),)),
    Scene(
        actor=BEAR,
        coin="a3",
        at=(14.0, 16.0),
        side=SHORT,
        ticket=(0.16, 0.3),
        steps=GAIN,
        acts=(Act((3600, 3900), ALL_OUT),),
    ),
    Scene(
        actor=KEEN,
        coin="a7",
        at=(17.0, 18.0),
        ticket=(0.16, 0.3),
        steps=FLAT,
        acts=(Act((4, 9), (0.4, 0.55)), Act((300, 450), ALL_OUT)),
    ),
    Scene(
        actor=SLOW,
        coin="a4",
        at=(19.0, 20.3),
        ticket=(0.22, 0.35),
        how="rest",
        steps=DRIFT,
        acts=(Act((2800, 3300), ALL_OUT, "rest"),),
    ),
    Scene(actor=WHALE, coin="a10", at=(20.0, 22.0), ticket=(0.015, 0.03), steps=FLAT, acts=(Act((300, 500), ALL_OUT),)),
    Scene(actor=NIMBLE, coin="a5", at=(22.5, 23.2), ticket=(0.2, 0.35), steps=FLAT, acts=(Act((300, 480), ALL_OUT),)),
    Scene(actor=NIMBLE, coin="a8", at=(26.0, 27.0), ticket=(0.2, 0.35), steps=JUMP, acts=(Act((200, 280), ALL_OUT),)),
    Scene(
        actor=STEADY, coin="a9", at=(28.0, 29.0), ticket=(0.004, 0.008), steps=FLAT, acts=(Act((200, 300), ALL_OUT),)
    ),
    Scene(actor=GAMBLER, coin="doom", at=(31.0, 32.5), ticket=(0.18, 0.28), doomed=True),
    Scene(actor=PATIENT, coin="BTC", at=(42.0, 46.0), ticket=(0.18, 0.28), acts=(Act((600, 900), ALL_OUT),)),
    Scene(actor=KEEN, coin="a6", at=(44.0, 48.0), ticket=(0.16, 0.3), steps=TURN, acts=(Act((1300, 1500), ALL_OUT),)),
    # The second wave.
    Scene(
        actor=NIMBLE,
        coin="a8",
        at=(98.0, 100.0),
        side=OPPOSITE,
        ticket=(0.16, 0.3),
        steps=SURGE,
        acts=(Act((2200, 2500), ALL_OUT),),
    ),
    Scene(
        actor=KEEN, coin="a2", at=(103.0, 106.0), ticket=(0.18, 0.35), steps=FALL, acts=(Act((1110, 1180), ALL_OUT),)
    ),
    Scene(
        actor=SLICER,
        coin="a7",
        at=(110.0, 112.0),
        ticket=(0.18, 0.3),
        how="twap",
        steps=DRIFT,
        acts=(Act((2300, 2700), ALL_OUT, "twap"),),
    ),
    Scene(
        actor=BEAR,
        coin="a3",
        at=(118.0, 121.0),
        side=SHORT,
        ticket=(0.16, 0.3),
        steps=GAIN,
        acts=(Act((3000, 3500), ALL_OUT),),
    ),
    Scene(
        actor=STEADY, coin="BTC", at=(128.0, 131.0), ticket=(0.13, 0.2), steps=CALM, acts=(Act((2000, 2600), ALL_OUT),)
    ),
    Scene(
        actor=KEEN,
        coin="a9",
        at=(136.0, 140.0),
        ticket=(0.16, 0.3),
        steps=PROFIT,
        acts=(Act((1400, 1600), (0.5, 0.6)), Act((3000, 3400), ALL_OUT)),
    ),
    # The third wave; some of it is still open at the end.
    Scene(
        actor=PATIENT,
        coin="a5",
        at=(198.0, 201.0),
        ticket=(0.16, 0.25),
        steps=FLAT,
        acts=(Act((480, 600), (-1.0, -0.8)), Act((1300, 1700), ALL_OUT)),
    ),
    Scene(
        actor=SLOW,
        coin="a10",
        at=(204.0, 206.0),
        ticket=(0.22, 0.35),
        how="rest",
        steps=DRIFT,
        acts=(Act((1500, 1800), ALL_OUT, "rest"),),
    ),
    Scene(
        actor=NIMBLE, coin="a1", at=(208.0, 211.0), ticket=(0.18, 0.35), steps=FALL, acts=(Act((1110, 1180), ALL_OUT),)
    ),
    Scene(actor=BEAR, coin="a4", at=(214.0, 218.0), side=SHORT, ticket=(0.16, 0.3), steps=FLAT),
)
