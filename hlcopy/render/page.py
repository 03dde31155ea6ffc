"""A page that stands alone: one HTML file with its charts, the library that draws them, and nothing to fetch.

Its parts are functions of plain data, and return markup; whatever isn't markup is text and is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import html
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from hlcopy.render import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hlcopy.render.tables import Table

    Spec = Mapping[str, object]

_LONGEST: Final = 2_000  # characters of one text
_VOID: Final = frozenset({"meta"})


class Html(str):
    """Markup. Any other string is text."""

    __slots__ = ()


def element(tag: str, /, *content: str, **attributes: str | None) -> Html:
    """Return an element; `class_` and `aria_label` are the attributes class and aria-label, one that is None is left out."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(_visible(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{told}>")
    return Html(f"<{tag}{told}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Html:
    """Return markup and text one after the other."""
    return Html("".join(part if isinstance(part, Html) else html.escape(_visible(part)) for part in content))


def label(shown: str) -> str:
    """Return text for a chart, whose library takes some markup in it for markup."""
    return html.escape(text.safe(shown), quote=False)


def page(title: str, sections: Sequence[tuple[str, str, Html]], *, head: Html, foot: str) -> str:
    """Return the document: a head, a section for each (anchor, heading, content), and a list of them to jump to.

    Its scripts are named by their hashes, so that no other runs, and nothing can be fetched from anywhere.
    """
    from plotly.offline import get_plotlyjs

    library, own = get_plotlyjs(), _asset("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(library)} {_hash(own)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    contents = (element("li", element("a", heading, href=f"#{anchor}")) for anchor, heading, _ in sections)
    parts = (
        element("section", element("h2", heading), content, id=anchor, aria_label=heading)
        for anchor, heading, content in sections
    )
    body = (
        element("header", element("h1", title), head),
        element("nav", element("ul", *contents), aria_label="Contents"),
        element("main", *parts),
        element("footer", element("p", foot)),
        element("script", Html(library)),
        element("script", Html(own)),
    )
    document = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", title),
            element("style", Html(_asset("page.css"))),
        ),
        element("body", *body),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{document}\n"


def chart(spec: Spec, *, says: str, name: str | None = None, below: Html | None = None) -> Html:
    """Return a figure that the page's script draws from a specification; `says` tells what it shows to who can't see it.

    Colours in it are names of the style sheet's, so that they follow the reader's scheme. `below` stands under it.
    """
    layout = spec["layout"]
    height = layout["height"] if isinstance(layout, dict) else None
    return element(
        "figure",
        element("div", class_="plot", role="img", aria_label=says, data_height=str(height)),
        element("script", _embedded(spec), type="application/json"),
        below or Html(),
        class_="chart",
        id=name,
    )


def data_table(
    shown: Table, *, sortable: bool = False, keys: Sequence[Sequence[float | str]] = (), caption: bool = True
) -> Html:
    """Return a table that scrolls sideways in itself; of a sortable one `keys` are what the cells are sorted by."""
    if not shown.rows:
        return element("p", f"{shown.title}: none", class_="none")
    headings = (
        element("th", column.heading, scope="col", class_="right" if column.right else None) for column in shown.columns
    )
    rows = []
    for number, row in enumerate(shown.rows):
        cells = (
            element(
                "td",
                cell,
                class_="right" if column.right else None,
                data_key=str(keys[number][place]) if keys else None,
            )
            for place, (cell, column) in enumerate(zip(row, shown.columns, strict=True))
        )
        rows.append(element("tr", *cells))
    parts = (
        element("caption", shown.title) if caption else Html(),
        element("thead", element("tr", *headings)),
        element("tbody", *rows),
    )
    return element(
        "div",
        element("table", *parts, class_="sortable" if sortable else None),
        class_="scroll",
        role="region",
        tabindex="0",
        aria_label=shown.title,
    )


def listed(lines: Sequence[str]) -> Html:
    """Return lines as a list; a code that one begins with, up to a colon, stands out."""
    items = []
    for line in lines:
        code, found, rest = line.partition(":")
        items.append(element("li", element("b", code + found), rest) if found else element("li", line))
    return element("ul", *items, class_="lines")


def columns(*parts: Html) -> Html:
    """Return parts side by side where there is room, else one below the other."""
    return element("div", *parts, class_="columns")


def note(*content: str) -> Html:
    """Return a remark beneath what it is about."""
    return element("p", *content, class_="note")


def _visible(given: str) -> str:
    return text.safe(given, _LONGEST)


def _embedded(spec: Spec) -> Html:
    """Return data as JSON that can't end the script it stands in."""
    escapes = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}
    return Html(text.json_document(spec).translate(escapes))


def _asset(name: str) -> str:
    return files("hlcopy.render").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
