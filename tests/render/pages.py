"""Pages of a small recorded world, for the tests that read them and the one that opens them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from hlcopy.backtest.report import Backtest, Warn
from hlcopy.render.page_backtest import backtest_page
from tests.backtest.worlds import illustrated

if TYPE_CHECKING:
    from hlcopy.backtest.picture import Picture

HOSTILE = "</script><script>document.title='owned'</script><b>$x$</b>&lt;"


@cache
def page() -> str:
    """Return the page of the usual replay."""
    return written(illustrated()[0])


@cache
def hostile_page() -> str:
    """Return the page of a replay in which the coin of most entries has a name that tries to break out."""
    return written(renamed(HOSTILE))


def fewer(result: Backtest, coins: int) -> Backtest:
    """Return a replay with charts of fewer coins: of most entries, and the last, which has none."""
    picture = pictured(result)
    return replace(result, picture=replace(picture, coins=[*picture.coins[:coins], picture.coins[-1]]))


def written(result: Backtest) -> str:
    return backtest_page(result, pictured(result), version="1.2.3")


def pictured(result: Backtest) -> Picture:
    assert result.picture is not None
    return result.picture


def renamed(name: str) -> Backtest:
    """Return the usual replay with another name for its first coin, wherever a stranger's words may come in."""
    result, _ = illustrated()
    picture = pictured(result)
    old = picture.coins[0].coin
    positions = [replace(each, coin=name) if each.coin == old else each for each in result.positions]
    signals = [replace(each, coin=name) if each.coin == old else each for each in result.signals]
    first = replace(
        picture.coins[0], coin=name, skips=[replace(signal, coin=name) for signal in picture.coins[0].skips]
    )
    by_coin = [replace(group, name=name) if group.name == old else group for group in result.figures.by_coin]
    return replace(
        result,
        positions=positions,
        signals=signals,
        skips={**result.skips, name: 1},
        assumptions={"set": {name: name}, **result.assumptions, name: {name: 1.0}},
        warnings=[*result.warnings, Warn(code=name, message=name)],
        figures=replace(result.figures, by_coin=by_coin),
        picture=replace(picture, coins=[first, *picture.coins[1:]], undrawn=[name]),
    )
