"""`pcc completion`: what the scripts of the shells complete."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Pcc

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which `pcc` is a command."""
    program = tmp_path / "bin" / "pcc"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport cli\ncli.main(prog_name='pcc')\n")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize(
    ("shell", "sign"),
    [("bash", "complete -o nosort -F"), ("zsh", "compdef"), ("fish", "complete --no-files")],
)
def test_every_shell_gets_its_script(pcc: Pcc, shell: str, sign: str) -> None:
    result = pcc("completion", shell)
    assert result.exit_code == 0
    assert sign in result.stdout
    assert f"_PCC_COMPLETE={shell}_complete" in result.stdout


def test_an_unknown_shell_is_a_mistake(pcc: Pcc) -> None:
    result = pcc("completion", "tcsh")
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


_WEIGHT_DECAY = {"learning.optimizer.adamw.weight_decay="}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("pcc ev", {"evaluate"}),
        ("pcc runs ", {"list", "compare", "delete"}),
        ("pcc train --dr", {"--dry-run"}),
        ("pcc check --format git", {"github"}),
        ("pcc explain pc32", {f"PC32{digit}" for digit in range(10)}),
        ("pcc data path fash", {"fashion_mnist"}),
        ("pcc compare net.yaml --rules z", {"z_il"}),
        ("pcc compare net.yaml --rules z_il,back", {"z_il,backprop"}),
        ("pcc compile net.yaml --disable wave", {"wavefront"}),
        ("pcc train net.yaml --device = a", {"auto"}),
        ("pcc train net.yaml --device = ", {"auto", "cpu", "gpu"}),
        ("pcc train net.yaml --device = cpu --dr", {"--dry-run"}),
        ("pcc train net.yaml -s training.ep", {"training.epochs="}),
        ("pcc train net.yaml -s infer", {"inference."}),
        ("pcc train net.yaml -s learning.rule = backp", {"backprop"}),
        ("pcc train net.yaml -s learning.optimizer.adamw.weight", _WEIGHT_DECAY),
        ("pcc train net.yaml -s nodes.h.role = ", {"input", "hidden", "output"}),
        ("pcc train net.yaml -s nodes.h.activation = tan", {"tanh"}),
        ("pcc train net.yaml -s training.epochs = 3 --dr", {"--dry-run"}),
        ("pcc compile net.yaml --print-after a", {"all"}),
    ],
)
def test_bash_completes_commands_options_and_values(
    installed: dict[str, str], line: str, completed: set[str]
) -> None:
    words = line.split(" ")
    script = (
        'eval "$(pcc completion bash)"; '
        f"COMP_WORDS=({' '.join(words)} {'' if words[-1] else chr(39) * 2}); "
        f"COMP_CWORD={len(words) - 1}; _pcc_completion pcc; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], env=installed, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == completed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize(
    ("word", "completed"),
    [
        ("--device=a", ["--device=auto"]),
        ("--device=", ["--device=auto", "--device=cpu", "--device=gpu"]),
        ("--dr", ["--dry-run"]),
    ],
)
def test_zsh_and_fish_complete_whole_words(
    pcc: Pcc, monkeypatch: pytest.MonkeyPatch, shell: str, word: str, completed: list[str]
) -> None:
    monkeypatch.setenv("COMP_WORDS", f"pcc train net.yaml {word}")
    monkeypatch.setenv("COMP_CWORD", {"zsh": "3", "fish": word}[shell])
    monkeypatch.setenv("_PCC_COMPLETE", f"{shell}_complete")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = "import cli; cli.main(prog_name='pcc')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    if shell == "zsh":  # type, value and help in lines of their own
        assert lines[1::3] == completed
    else:
        assert [line.partition(",")[2].split("\t")[0] for line in lines if "," in line] == completed
