"""Several things asked at the same time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

_AT_ONCE: Final = 8


def at_once(ask: Callable[[Asked], Answer], items: Iterable[Asked], /) -> list[Answer]:
    """Ask the same of several items in up to eight threads, and return the answers in their order.

    The first error ends the rest and is raised. Threads that hang in a request never keep a process from ending.
    """
    given = list(items)
    if len(given) < 2:  # noqa: PLR2004 - one needs no thread
        return [ask(item) for item in given]
    answers: dict[int, Answer] = {}
    errors: list[BaseException] = []
    todo = iter(enumerate(given))
    lock = threading.Lock()

    def work() -> None:
        while not errors:
            with lock:
                step = next(todo, None)
            if step is None:
                return
            index, item = step
            try:
                answers[index] = ask(item)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asked
                errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(_AT_ONCE, len(given)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [answers[index] for index in range(len(given))]
