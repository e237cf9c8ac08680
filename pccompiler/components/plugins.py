"""Members from outside: where they are looked for, and the errors of looking there.

    a Python file       `pcc --plugin my_rules.py`, PCC_PLUGINS, `plugins=["my_rules.py"]`
    a module            the same, by its dotted name
    an installed        the entry-point group `pcc.members`: a module, or one of its members;
    package             looked into when a spec names something that is not known otherwise

In a module, every class of its own that derives from a family's base class is a member, and
every variable that holds an `Activation` is the activation of the variable's name. What begins
with an underscore is left out. A spec never names a plugin: reading one runs no code.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pccompiler.components.activations import ACTIVATIONS, Activation
from pccompiler.components.member import IncompleteMemberError, Member
from pccompiler.components.registry import (
    MemberError,
    Origin,
    Problem,
    forget,
    outside,
    register,
)
from pccompiler.diagnostics.diagnostic import Diagnostic, SpecError
from pccompiler.diagnostics.source import Source, Span

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "pcc.members"
"""The entry-point group of installed packages."""
VARIABLE = "PCC_PLUGINS"
"""The environment variable that names plugins, separated as in PATH."""

PluginLike = str | Path | type[Member]
"""A Python file, the dotted name of a module, or a member itself."""

_CODE = (".py", ".pyi", ".so", ".pyd")


@dataclass
class _Packages:
    """Whether this process has searched the installed packages, and which of them failed."""

    looked: bool = False
    broken: list[Diagnostic] = field(default_factory=list)


_packages = _Packages()


def load_plugins(plugins: Iterable[PluginLike] = ()) -> None:
    """Registers the members of these plugins, and of those that PCC_PLUGINS names.

    A plugin that is loaded already is left as it is, a file that changed since is read again.
    Raises SpecError: PC213 for a plugin that cannot be loaded, PC214 and PC215 for members that
    cannot be used.
    """
    named = [(word, VARIABLE) for word in os.environ.get(VARIABLE, "").split(os.pathsep) if word]
    problems: list[Diagnostic] = []
    for plugin, variable in (*named, *((plugin, "") for plugin in plugins)):
        try:
            _load(plugin, f", which {variable} names," if variable else "")
        except SpecError as error:
            problems += error.diagnostics
    if problems:
        raise SpecError(dict.fromkeys(problems))


def load_installed() -> None:
    """Registers the members of installed packages, the first time that it is called.

    A broken package does not affect specs that do without it: its fault is kept for
    `broken_packages`.
    """
    if _packages.looked:
        return
    _packages.looked = True
    from importlib.metadata import entry_points

    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        try:
            _load_entry(entry)
        except SpecError as error:
            _packages.broken += error.diagnostics


def broken_packages() -> tuple[Diagnostic, ...]:
    """The faults that `load_installed` found."""
    return tuple(_packages.broken)


def _load(plugin: PluginLike, named: str) -> None:
    if isinstance(plugin, type):
        _register([plugin], {}, None, "")
        return
    word = str(plugin)
    path = Path(word)
    if isinstance(plugin, Path) or path.suffix == ".py" or path.exists() or os.sep in word:
        _load_file(path, named)
    else:
        _load_module(word, named)


# -- a file -----------------------------------------------------------------------------------


def _load_file(path: Path, named: str) -> None:
    resolved = path.resolve()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _cannot_load(path, named, *_unreadable(path, error)) from None
    digest = hashlib.sha256(content).hexdigest()
    if any(
        (entry.origin.place, entry.origin.digest) == (str(resolved), digest) for entry in outside()
    ):
        return
    forget(str(resolved))
    module = _module_of(resolved)
    with _telling(str(path), named, resolved):
        exec(compile(content, str(resolved), "exec"), module.__dict__)
    version = str(getattr(module, "__version__", ""))
    _register_module(module, Origin(str(path), version, digest, str(resolved)), resolved)


def _module_of(path: Path) -> ModuleType:
    """An empty module for a file, under a name that no other has; pydantic and pickle look for
    it in sys.modules."""
    stem = re.sub(r"\W", "_", path.stem)
    names = (f"pcc_plugin_{stem}" + (f"_{n}" if n else "") for n in count())
    name = next(
        name for name in names if name not in sys.modules or sys.modules[name].__file__ == str(path)
    )
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    return module


def _unreadable(path: Path, error: OSError) -> tuple[str, str]:
    if path.is_dir():
        return "it is a folder", "name a .py file, or a package by its dotted name"
    if not path.exists():
        return "there is no such file", "name a .py file, or a module by its dotted name"
    return error.strerror or str(error), "make it readable for you"


# -- a module, and an installed package ---------------------------------------------------------


def _load_module(name: str, named: str) -> None:
    if any(entry.origin.plugin == name for entry in outside()):
        return
    with _telling(name, named):
        module = importlib.import_module(name)
    _register_module(module, _origin(module), None)


def _load_entry(entry: EntryPoint) -> None:
    package = entry.dist.name if entry.dist else entry.module
    named = f" of the installed package {package}"
    with _telling(entry.value, named):
        found: Any = entry.load()
    origin = _origin(importlib.import_module(entry.module), package)
    if isinstance(found, ModuleType):
        _register_module(found, origin, None)
    elif isinstance(found, Activation):
        _register([], {entry.attr: found}, origin, entry.module)
    elif isinstance(found, type) and issubclass(found, Member):
        _register([found], {}, origin, entry.module)
    else:
        message = f"cannot load {entry.value}{named}: it is neither a member nor a module of some"
        help = "let the entry point name a class, an Activation or a module"
        raise SpecError(Diagnostic("PC213", message, help=help))


def _origin(module: ModuleType, package: str = "") -> Origin:
    """The package of a module, its version, and the digest of all its code."""
    top = module.__name__.partition(".")[0]
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version(package or top)
    except PackageNotFoundError:
        number = str(getattr(sys.modules.get(top), "__version__", ""))
    digest = _digest(sys.modules.get(top, module))
    return Origin(package or module.__name__, number, digest, place=top)


def _digest(package: ModuleType) -> str:
    """SHA-256 of the code of a module, or of all modules of a package."""
    digest = hashlib.sha256()
    for root in getattr(package, "__path__", ()):
        files = sorted(file for file in Path(root).rglob("*") if file.suffix in _CODE)
        for file in files:
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    if not hasattr(package, "__path__") and package.__file__:
        digest.update(Path(package.__file__).read_bytes())
    return digest.hexdigest()


# -- members of a module ------------------------------------------------------------------------


def _register_module(module: ModuleType, origin: Origin, file: Path | None) -> None:
    members = list(_classes_in(module))
    activations = dict(_activations_in(module))
    if not members and not activations:
        message = f"the plugin {origin.plugin} defines no members"
        help = "define a class that derives from Operator, Rule, Energy, ..., or an Activation"
        raise SpecError(Diagnostic("PC214", message, help=help, file=origin.plugin))
    shown = origin.plugin if file else ""
    _register(members, activations, origin, module.__name__, shown)


def _classes_in(module: ModuleType) -> Iterator[type[Member]]:
    """The members of a module: its own, or those of its package."""
    package = module.__name__.partition(".")[0]
    found: dict[type[Member], None] = {}
    for name, value in vars(module).items():
        if not (isinstance(value, type) and issubclass(value, Member)) or name.startswith("_"):
            continue
        if value.__module__.partition(".")[0] == package and not value.__name__.startswith("_"):
            found[value] = None
    yield from found


def _activations_in(module: ModuleType) -> Iterator[tuple[str, Activation]]:
    ours = {id(activation) for activation in ACTIVATIONS.values()}
    for name, value in vars(module).items():
        if isinstance(value, Activation) and not name.startswith("_") and id(value) not in ours:
            yield name, value


def _register(
    members: list[type[Member]],
    activations: dict[str, Activation],
    origin: Origin | None,
    module: str,
    shown: str = "",
) -> None:
    """Registers the members found; `shown` is the name of the file in messages, where it is not the
    module's."""
    try:
        register(*members, activations=activations, origin=origin)
    except MemberError as error:
        classes = {member.__name__: member for member in members}
        raise SpecError(
            _told(problem, classes.get(problem.place), module, shown) for problem in error.problems
        ) from None


def _told(problem: Problem, member: type | None, module: str, shown: str) -> Diagnostic:
    span = _place(problem.place, member, module, shown)
    return Diagnostic(problem.code, problem.message, span, help=problem.help)


def _place(variable: str, member: type | None, module: str, shown: str) -> Span | None:
    """The line on which a class, or a variable of a module, is defined."""
    try:
        file = inspect.getsourcefile(member or sys.modules[module])
        line = inspect.getsourcelines(member)[1] if member else None
    except (OSError, TypeError, KeyError):
        return None
    return _line_span(Path(file), line, shown, variable) if file else None


def _line_span(path: Path, line: int | None, shown: str, variable: str = "") -> Span | None:
    """The line of a file; without a number the one that sets a variable."""
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError):
        return None
    lines = text.splitlines()
    if line is None:
        sets = re.compile(rf"{re.escape(variable)}\s*[:=]")
        line = next((n for n, written in enumerate(lines, 1) if sets.match(written)), 1)
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    begin = len(written) - len(written.lstrip()) + 1
    return Span(Source(shown or str(path), text), line, begin, line, len(written) + 1)


# -- what goes wrong in the code of a plugin -----------------------------------------------------


class _telling:  # noqa: N801 - used as a function
    """Turns exceptions raised while importing a plugin into SpecError. What the plugin prints goes
    to stderr."""

    def __init__(self, plugin: str, named: str, file: Path | None = None) -> None:
        self.plugin = plugin
        self.named = named
        self.file = file

    def __enter__(self) -> None:
        self.redirected = redirect_stdout(sys.stderr)
        self.redirected.__enter__()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.redirected.__exit__(kind, error, trace)
        if error is not None and isinstance(error, Exception | SystemExit):
            raise self._told(error) from None

    def _told(self, error: Exception | SystemExit) -> SpecError:
        if isinstance(error, ModuleNotFoundError) and self._is_missing(error):
            local = Path(f"{self.plugin}.py")
            help = f"did you mean `{local}`?" if local.exists() else "install it, or name its file"
            return _cannot_load(self.plugin, self.named, "there is no such module", help)
        if isinstance(error, IncompleteMemberError):
            span = self._span(error)
            return SpecError(Diagnostic("PC214", str(error), span, help="define what is missing"))
        if isinstance(error, SyntaxError):
            problem = f"it is not Python: {error.msg}"
        elif isinstance(error, SystemExit):
            problem = "it ends the process when it is imported"
        else:
            problem = f"importing it raises {type(error).__name__}: {_first_line(error)}"
        return _cannot_load(
            self.plugin, self.named, problem, self._advice(error), self._span(error)
        )

    def _is_missing(self, error: ModuleNotFoundError) -> bool:
        """Whether the plugin itself, and not something that it imports, is missing."""
        name, module = error.name or "", self.plugin.partition(":")[0]
        return self.file is None and (module == name or module.startswith(f"{name}."))

    def _advice(self, error: BaseException) -> str:
        if isinstance(error, ModuleNotFoundError) and self.file and error.name:
            beside = self.file.parent / f"{error.name.partition('.')[0]}.py"
            if beside.exists():
                return (
                    f"a plugin file stands alone; put {beside.name} on PYTHONPATH, or make a "
                    "package of both and name that"
                )
        return "correct the plugin"

    def _span(self, error: BaseException) -> Span | None:
        """The line of the plugin that raised the exception, else the last line of the traceback."""
        import traceback

        if isinstance(error, SyntaxError) and error.filename and error.lineno:
            shown = self.plugin if str(self.file) == error.filename else ""
            return _line_span(Path(error.filename), error.lineno, shown)
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename != __file__ and not frame.filename.startswith("<")
        ]
        own = [frame for frame in frames if frame.filename == str(self.file)]
        own = own or [frame for frame in frames if "importlib" not in Path(frame.filename).parts]
        if not own:
            return None
        shown = self.plugin if own[-1].filename == str(self.file) else ""
        return _line_span(Path(own[-1].filename), own[-1].lineno, shown)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "")


def _cannot_load(
    plugin: str | Path, named: str, problem: str, help: str, span: Span | None = None
) -> SpecError:
    message = f"cannot load the plugin {plugin}{named or ''}: {problem}".replace(",:", ":")
    return SpecError(Diagnostic("PC213", message, span, help=help, file=str(plugin)))
