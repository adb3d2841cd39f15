import pytest


@pytest.fixture
def written(tmp_path):
    """written(text) -> a file with it."""

    def write(text, name="lines.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write
