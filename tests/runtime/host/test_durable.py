"""What a failed write says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pccompiler.diagnostics.diagnostic import DataError
from runtime.host.durable import replace_file


@pytest.mark.parametrize(
    ("path", "help"),
    [
        ("none/a.txt", "make the folder {folder}/none first"),
        ("file/a.txt", "a part of that path is a file"),
        ("folder", "name a file"),
    ],
)
def test_the_help_fits_the_reason(tmp_path: Path, path: str, help: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="PC522") as caught:
        replace_file(tmp_path / path, b"")
    [problem] = caught.value.diagnostics
    assert help.format(folder=tmp_path) in problem.help


def test_a_file_in_the_place_of_a_folder_is_told(tmp_path: Path) -> None:
    from runtime.runs.run_folder import RunFolder

    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        RunFolder.create("a", tmp_path / "file" / "run")
    assert "a file, not a folder" in caught.value.diagnostics[0].help
