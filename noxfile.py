"""Runs the tests with the newest versions of Python and packages (`nox -s newest`), or the oldest (`nox -s oldest`).

Arguments after `--` go to pytest: `nox -s oldest -- tests/rasteriser -m ""`.
"""

import re
from pathlib import Path

import nox

nox.options.sessions = ["newest", "oldest"]
nox.options.default_venv_backend = "venv"


@nox.session(python="3.13")
def newest(session: nox.Session) -> None:
    """Runs the tests with the newest releases that the requirements allow."""
    session.install("--upgrade", "-r", "requirements-dev.txt")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.10")
def oldest(session: nox.Session) -> None:
    """Runs the tests with the oldest release of each requirement."""
    session.install(*lower_ends("requirements.txt"), *lower_ends("requirements-dev.txt"))
    session.run("python", "-m", "pytest", *session.posargs)


def lower_ends(file: str) -> list[str]:
    """The requirements of a file, each at its lowest version: `torch>=2.6` becomes `torch==2.6`."""
    lines = [line.split("#")[0].strip() for line in Path(file).read_text().splitlines()]
    return [re.sub(r">=([^,]+).*", r"==\1", line) for line in lines if line and not line.startswith("-r")]
