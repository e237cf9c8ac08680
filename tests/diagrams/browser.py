"""A headless Chromium that a test drives: over pipes, in the DevTools protocol, with no library.

The browser reads commands as JSON from file descriptor 3 and writes answers and events to 4,
each followed by a zero byte.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 60.0
"""Seconds to wait for an answer."""

_CONNECT = """
import os, sys
ends = [os.dup(int(number)) for number in sys.argv[1:3]]  # copied first: they may be 3 and 4
for place, end in zip((3, 4), [os.dup2(end, 100 + i) for i, end in enumerate(ends)]):
    os.dup2(end, place)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts two file descriptors where the browser looks for them, then becomes the browser."""


def program() -> str | None:
    """The browser that is installed, if any."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Page:
    """An open page."""

    def __init__(self, write: int, read: int) -> None:
        self.write, self.read, self.count, self.waiting = write, read, 0, b""
        self.session = ""
        self.told: list[dict[str, Any]] = []
        """Events: what the page wrote to its console, requested, or failed at."""

    def send(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": arguments}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.count:
            self.told.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.waiting:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self.read, 1 << 16)
            assert part, "the browser has ended"
            self.waiting += part
        message, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(message)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """Moves the mouse, presses or releases its button, or turns its wheel."""
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def key(self, key: str) -> None:
        """Presses a key and releases it."""
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)


@contextmanager
def opened(path: Path, folder: Path, *, dark: bool = False) -> Iterator[Page]:
    """A file opened in a browser of its own, whose profile stands in `folder`."""
    browser = program()
    assert browser
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    options += ["--remote-debugging-pipe", "--window-size=1000,700", "--no-first-run"]
    words = [browser, *options, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with (folder / "browser.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _CONNECT, str(to_browser), str(from_browser), *words],
            pass_fds=(to_browser, from_browser),
            stdout=log,
            stderr=log,
        )
    os.close(to_browser)
    os.close(from_browser)
    try:
        page = Page(write, read)
        [target] = [
            found
            for found in page.send("Target.getTargets")["targetInfos"]
            if found["type"] == "page"
        ]
        attached = page.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.send("Emulation.setEmulatedMedia", features=[scheme])
        page.send(
            "Emulation.setDeviceMetricsOverride",
            width=1000,
            height=700,
            deviceScaleFactor=1,
            mobile=False,
        )
        page.send("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + PATIENCE
        while page.value("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < end, "the page does not load"
            time.sleep(0.05)
        yield page
    finally:
        process.kill()
        process.wait()
        os.close(write)
        os.close(read)
