"""`pcc doctor`: looks at versions, devices, data, caches, limits and folders."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import click

from pccompiler.components.sources import SOURCES
from pccompiler.diagnostics.wording import plural
from pccompiler.planning.cost import bytes_text
from runtime.commands.options import JSON, echo_json, ending
from runtime.host.backend import LOGGED
from runtime.host.environment import affinity, processor
from runtime.host.streams import ending_with

Status = Literal["ok", "note", "broken"]

FEW_FILES = 256
"""Open files; a run needs a few dozen."""
LITTLE_MEMORY = 10**9
"""Bytes; JAX and a small network take about half of it."""
PROBE_SECONDS = 120

PROBE = """
import json, jax
devices = [
    {"platform": d.platform, "kind": d.device_kind,
     "memory": (d.memory_stats() or {}).get("bytes_limit")}
    for d in jax.devices()
]
x = jax.numpy.arange(4.0)
assert float(jax.jit(lambda x: x @ x)(x)) == 14.0, "a small product came out wrong"
print(json.dumps({"devices": devices, "cache": jax.config.jax_compilation_cache_dir}))
"""
"""Run in a process of its own: an unknown XLA flag or a broken driver ends the process."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `value` is what was found, for programs; `help` says what
    to do where it is not ok."""

    group: str
    name: str
    text: str
    status: Status = "ok"
    help: str = ""
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@click.command(
    "doctor",
    epilog=ending(
        "pcc doctor",
        "pcc doctor --json",
        exits="Exit codes: 0 nothing is broken; 1 something is.",
    ),
)
@JSON
def command(as_json: bool) -> None:
    """Look at versions, devices, data, caches, limits and folders.

    Everything is ok, a note (something that some runs may miss) or broken.
    """
    found = findings()
    broken = is_broken(found)
    with ending_with(1 if broken else 0):
        if as_json:
            echo_json({"ok": not broken, "findings": [finding.as_json() for finding in found]})
        else:
            click.echo(report(found))


def findings() -> tuple[Finding, ...]:
    """All findings, in the order of the report."""
    versions = tuple(_versions())
    data = () if is_broken(versions) else _data()  # reading data needs the libraries
    return (*versions, *_jax(), *data, *_limits(), *_folders())


def is_broken(found: Sequence[Finding]) -> bool:
    return any(finding.status == "broken" for finding in found)


def report(found: Sequence[Finding]) -> str:
    """The findings as text, a line each and another for what to do. Without the library that
    draws tables, which may be the one that is missing."""
    width = max(len(finding.name) for finding in found)
    lines: list[str] = []
    for number, finding in enumerate(found):
        if number == 0 or finding.group != found[number - 1].group:
            lines += ["", finding.group]
        lines.append(f"  {finding.status:6}  {finding.name:{width}}  {finding.text}")
        if finding.help and finding.status != "ok":
            lines.append(f"  {'':6}  {'':{width}}  -> {finding.help}")
    return "\n".join(lines[1:])


# -- versions ------------------------------------------------------------------------------


def _versions() -> Iterator[Finding]:
    import pccompiler

    yield _version("python", ".".join(map(str, sys.version_info[:3])))
    yield _version("pcc", pccompiler.__version__)
    try:
        wanted = metadata.requires("pcc") or []
    except metadata.PackageNotFoundError:
        help = "install it with `pip install .`, so that its libraries can be compared"
        yield Finding("versions", "pcc", "runs without being installed", "note", help)
        return
    for requirement in wanted:
        yield from requirement_finding(requirement)


def requirement_finding(requirement: str) -> Iterator[Finding]:
    """The installed version of a requirement such as `jax>=0.6` or `mlxtend>=0.22; extra == "a"`.

    Nothing of the extra `test`, which users do not need.
    """
    name, _, rest = requirement.partition(";")
    match = re.match(r"([\w.-]+)(?:\[.*\])?\s*(?:>=\s*([\d.]+))?", name.strip())
    extra = re.search(r"extra\s*==\s*[\"'](\w+)[\"']", rest)
    if match is None or (extra and extra[1] == "test"):
        return
    library, least = match[1], match[2] or "0"
    try:
        found = metadata.version(library)
    except metadata.PackageNotFoundError:
        if extra:
            help = f"`pip install '.[{extra[1]}]'` adds it"
            yield Finding("versions", library, f"not there (extra {extra[1]})", "ok", help)
        else:
            help = f"`pip install '{library}>={least}'`"
            yield Finding("versions", library, "not installed", "broken", help)
        return
    if _numbers(found) < _numbers(least):
        help = f"`pip install '{library}>={least}'`"
        yield Finding("versions", library, f"{found}, too old", "broken", help, found)
    else:
        yield _version(library, found)
    if library == "jax":
        yield from requirement_finding("jaxlib")


def _version(name: str, found: str) -> Finding:
    return Finding("versions", name, found, value=found)


def _numbers(version: str) -> tuple[int, ...]:
    """`1.26.4rc1` as (1, 26, 4)."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


# -- JAX -----------------------------------------------------------------------------------


def _jax() -> Iterator[Finding]:
    found, problem = _probed()
    if problem:
        help = f"try `{Path(sys.executable).name} -c 'import jax; jax.devices()'`"
        set_here = [name for name in ("JAX_PLATFORMS", "XLA_FLAGS") if os.environ.get(name)]
        if set_here:
            values = " and ".join(f"{name} ({os.environ[name]})" for name in set_here)
            help = f"try it without {values}: `unset {' '.join(set_here)}`; else {help}"
        yield Finding("devices", "JAX", problem, "broken", help)
        return
    for number, device in enumerate(found["devices"]):
        memory = f", {bytes_text(device['memory'])}" if device["memory"] else ""
        text = f"{device['platform']}: {device['kind']}{memory}; computes right"
        yield Finding("devices", f"device {number}", text, value=device)
    yield Finding("devices", "processor", processor(), value=processor())
    yield _cache(found["cache"])


def _probed() -> tuple[dict[str, Any], str]:
    """The versions and devices that JAX reports, or the problem."""
    command = [sys.executable, "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        return {}, f"did not answer within {PROBE_SECONDS} seconds"
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1]), ""
    lines = [LOGGED.sub("", line).strip() for line in done.stderr.splitlines() if line.strip()]
    said = [line for line in lines if "nknown flag" in line or "Error" in line] or lines
    return {}, f"cannot compute: {said[-1] if said else f'exit code {done.returncode}'}"


def _cache(folder: str | None) -> Finding:
    name = "JAX compilation"
    if not folder:
        help = "JAX_COMPILATION_CACHE_DIR=FOLDER keeps compiled programs from run to run"
        return Finding("caches", name, "none; every run compiles anew", "ok", help)
    path = Path(folder)
    if path.is_dir() and not _writable(path):
        help = "make it writable, or name another in JAX_COMPILATION_CACHE_DIR"
        return Finding("caches", name, f"{folder}: not writable", "note", help, folder)
    files = [file for file in path.rglob("*") if file.is_file()]
    size = bytes_text(sum(file.stat().st_size for file in files))
    count = f"{len(files)} {plural(len(files), 'file')}"
    return Finding("caches", name, f"{folder}: {count}, {size}", value=folder)


# -- data ----------------------------------------------------------------------------------


def _data() -> Iterator[Finding]:
    from runtime.data.catalogue import listing

    for source in SOURCES:
        told = listing(source)
        if told.found is None:
            continue
        places = sorted({str(Path(path).parent) for path in told.files.values()})
        text = ", ".join(places) or "no file needed"
        if told.found:
            yield Finding("data", told.name, text, value=True)
        else:
            yield Finding("data", told.name, told.problem, "note", told.how_to_get, False)


# -- limits --------------------------------------------------------------------------------


def _limits() -> Iterator[Finding]:
    usable, cores = len(affinity()), os.cpu_count() or 1
    text = f"{usable}" if usable == cores else f"{usable} of {cores}"
    yield Finding("limits", "processors", text, value=usable)
    yield _memory()
    files = _open_files()
    if files is not None:
        help = f"`ulimit -n 1024` allows more in this shell; {FEW_FILES} are enough"
        few = files < FEW_FILES
        yield Finding("limits", "open files", str(files), "note" if few else "ok", help, files)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text, usable = bytes_text(total), total
    free = _number_in(Path("/proc/meminfo"), r"MemAvailable:\s+(\d+) kB")
    if free is not None:
        usable = 1024 * free
        text += f", {bytes_text(usable)} of it free"
    limit = _number_in(Path("/sys/fs/cgroup/memory.max"), r"^(\d+)$")
    if limit is not None and limit < total:
        text, usable = f"{text}; limited to {bytes_text(limit)}", min(usable, limit)
    little = usable < LITTLE_MEMORY
    help = "end other programs, or use a smaller batch and network"
    return Finding("limits", "memory", text, "note" if little else "ok", help, usable)


def _number_in(file: Path, pattern: str) -> int | None:
    try:
        match = re.search(pattern, file.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) if match else None


def _open_files() -> int | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


# -- folders -------------------------------------------------------------------------------


def _folders() -> Iterator[Finding]:
    runs = Path("runs") if Path("runs").is_dir() else Path()
    help = "make it writable, or name a folder elsewhere: `pcc train SPEC --run FOLDER`"
    yield _folder("for runs", runs.absolute(), "note", help)
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield Finding("folders", "temporary", str(error), "broken", "set TMPDIR to one")
        return
    yield _folder("temporary", temporary, "broken", "set TMPDIR to a folder that is writable")


def _folder(name: str, folder: Path, otherwise: Status, help: str) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{folder}: {bytes_text(free)} free"
    if _writable(folder):
        return Finding("folders", name, text, value=str(folder))
    return Finding("folders", name, f"{text}, not writable", otherwise, help, str(folder))


def _writable(folder: Path) -> bool:
    """Whether a file can be made there; asking the system about rights is not enough."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
