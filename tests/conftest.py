"""What all tests share: compiled programs, golden files, and small specs on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pccompiler.components import registry
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.spec.load import load

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--renew-golden",
        action="store_true",
        help="write what the code prints now to tests/golden; then read the difference",
    )


@pytest.fixture(scope="session", autouse=True)
def _compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and the processes they start, compile each program once: that saves minutes.

    Each worker has a folder of its own, since JAX writes its files in place.
    """
    import jax

    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)
    yield
    for name, value in before.items():
        jax.config.update(name, value)
        del os.environ[name.upper()]


@pytest.fixture(autouse=True)
def _nothing_stays_registered() -> Iterator[None]:
    """Members from outside that a test brings are gone after it."""
    yield
    registry.forget()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """`golden(name, text)`: the text must be that of tests/golden/NAME/expected.txt."""

    def check(name: str, text: str, file: str = "expected.txt") -> None:
        path = GOLDEN / name / file
        if request.config.getoption("--renew-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        assert path.exists(), f"no {path}; write it with --renew-golden and review it"
        assert text.rstrip("\n") + "\n" == path.read_text(encoding="utf-8")

    return check


@pytest.fixture
def spec_errors(tmp_path: Path) -> Callable[..., tuple[Diagnostic, ...]]:
    """`spec_errors(text, *overrides)`: the diagnostics of a spec with this text."""

    def errors(text: str | bytes, *overrides: str) -> tuple[Diagnostic, ...]:
        path = tmp_path / "spec.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            load(path, overrides)
        except SpecError as error:
            return error.diagnostics
        return ()

    return errors
