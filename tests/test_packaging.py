"""What is installed is what the project's files say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", LOCK, flags=re.MULTILINE))


@pytest.mark.parametrize("needed", PROJECT["dependencies"])
def test_every_dependency_is_locked_at_a_version_that_fits(needed: str) -> None:
    requirement = Requirement(needed)
    assert requirement.specifier.contains(PINNED[requirement.name])


def test_every_locked_package_has_hashes_and_none_an_address() -> None:
    entries = re.split(r"\n(?=[a-z0-9])", LOCK)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry.split("\n")[0])
    assert "://" not in LOCK
    assert "index" not in LOCK.lower()


def test_the_readme_s_commands_are_there_for_a_newcomer_and_for_ci() -> None:
    readme = (ROOT / "README.md").read_text()
    install, test = (re.search(rf"<!-- {name} -->\n    (.+)\n<!-- end -->", readme) for name in ("install", "test"))
    assert install is not None
    assert install.group(1).endswith("hlcopy demo")
    assert test is not None
    assert "pytest" in test.group(1)
