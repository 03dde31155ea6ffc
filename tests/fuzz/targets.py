"""Every parser of strangers' bytes by name: called with bytes it returns None or the named error that it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.fuzz import info, local, paid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fuzz.harness import Target

TARGETS: Final[Mapping[str, Target]] = {**info.TARGETS, **paid.TARGETS, **local.TARGETS}
