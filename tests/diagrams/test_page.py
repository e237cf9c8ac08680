"""The HTML page: alone it says everything, and in a browser it shows and zooms."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from pccompiler.diagrams import draw
from pccompiler.ir.graph import Graph
from tests.diagrams.browser import PROGRAMS, Page, opened, program
from tests.diagrams.networks import networks, recurrent, small, text_of

in_a_browser = pytest.mark.skipif(
    program() is None, reason=f"no browser is installed, none of {', '.join(PROGRAMS)}"
)


def known(text: str) -> dict[str, Any]:
    [block] = re.findall(r'id="known">(.*?)</script>', text)
    return json.loads(block)


@given(networks())
@settings(max_examples=20, deadline=None)
def test_every_node_and_edge_is_known_with_its_facts(graph: Graph) -> None:
    text = text_of(graph, "html")
    told = known(text)
    assert len(told) == len(graph.nodes) + len(graph.edges)
    assert set(re.findall(r'data-key="(\w+)"', text)) == set(told)
    for key, entry in told.items():
        assert set(entry.get("ends", [])) <= set(told), key


def test_the_page_refers_to_nothing_outside() -> None:
    text = text_of(small(), "html", theme="auto")
    outside = set(re.findall(r"""(?:https?:)?//[\w.]+[^\s"'<]*""", text))
    assert outside == {"http://www.w3.org/2000/svg"}  # a name, which nobody fetches
    assert "default-src 'none'" in text
    assert not re.search(r"<(link|img|iframe)|@import|url\(|\bsrc=", text)


def test_an_edge_tells_shapes_parameters_and_energy() -> None:
    facts = {
        entry["name"]: dict(entry["facts"]) for entry in known(text_of(small(), "html")).values()
    }
    assert facts["image->h1"] == {
        "kind": "feedforward",
        "operators": "flatten → dense → tanh",
        "shapes": "28×28×1 → 64",
        "parameters": "50,240 (weight 784×64, bias 64)",
        "enters": "the gaussian energy of h1",
    }
    assert facts["h1"]["energy"] == "gaussian"
    assert facts["h1"]["parameters"] == "50,240 on the edges into it"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    path = folder / "net.html"
    path.write_bytes(draw(recurrent(), "html", theme="auto"))
    with opened(path, folder) as page:
        yield page


def middle(page: Page, key: str, what: str = "*") -> tuple[float, float]:
    """Where something is on the screen."""
    x, y = page.value(
        f"""(() => {{
          const b = document.querySelector('[data-key="{key}"] {what}').getBoundingClientRect();
          return [b.x + b.width / 2, b.y + b.height / 2];
        }})()"""
    )
    return x, y


def width(page: Page) -> float:
    return page.value("svg.viewBox.baseVal.width")


def key_of(page: Page, name: str) -> str:
    return page.value(f"Object.keys(known).find(key => known[key].name === {json.dumps(name)})")


def panel(page: Page) -> str:
    return page.value("panel.hidden ? '' : panel.innerText")


@in_a_browser
def test_the_page_loads_without_a_complaint_and_requests_only_itself(page: Page) -> None:
    methods = [event["method"] for event in page.told]
    assert not {"Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"} & {
        *methods
    }
    requested = [
        event["params"]["request"]["url"]
        for event in page.told
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert len(requested) == 1
    assert requested[0].endswith("/net.html")


@in_a_browser
def test_pointing_at_a_node_shows_its_shape_and_leaving_it_hides_that(page: Page) -> None:
    assert panel(page) == ""
    page.mouse("Moved", *map(float, middle(page, key_of(page, "h"))))
    assert panel(page).splitlines()[:3] == ["h", "role\thidden", "shape\t64"]
    page.mouse("Moved", 500.0, 660.0)
    assert panel(page) == ""


@in_a_browser
def test_pointing_near_an_edge_shows_its_parameters_and_dims_the_rest(page: Page) -> None:
    x, y = middle(page, key_of(page, "h->label"), "path")
    page.mouse("Moved", x, y + 4)
    assert "parameters\t650 (weight 64×10, bias 10)" in panel(page)
    assert "shapes\t64 → 10" in panel(page)
    bright = page.value(
        "groups.filter(g => g.matches('.near.node')).map(g => known[g.dataset.key].name)"
    )
    assert bright == ["h", "label"]
    page.mouse("Moved", 500.0, 660.0)


@in_a_browser
def test_the_wheel_zooms_and_what_is_under_the_pointer_stays_there(page: Page) -> None:
    page.value("start()")
    before, (x, y) = width(page), middle(page, key_of(page, "h"))
    page.mouse("Wheel", x, y, deltaX=0, deltaY=-200)
    assert width(page) == pytest.approx(before * 0.6703, rel=0.01)  # e^(-200/500)
    assert middle(page, key_of(page, "h")) == pytest.approx((x, y), abs=1)
    page.mouse("Wheel", x, y, deltaX=0, deltaY=200)
    assert width(page) == pytest.approx(before, rel=0.01)


@in_a_browser
def test_dragging_moves_the_network(page: Page) -> None:
    page.value("start()")
    x, y = middle(page, key_of(page, "h"))
    page.mouse("Pressed", 500.0, 400.0, button="left", buttons=1, clickCount=1)
    page.mouse("Moved", 540.0, 370.0, button="left", buttons=1)
    page.mouse("Released", 540.0, 370.0, button="left", clickCount=1)
    page.mouse("Moved", 700.0, 200.0)  # no button is down any more
    assert middle(page, key_of(page, "h")) == pytest.approx((x + 40, y - 30), abs=1)


@in_a_browser
def test_buttons_and_keys_zoom_and_show_the_whole(page: Page) -> None:
    page.value("start()")
    before = width(page)
    page.value("document.getElementById('closer').click()")
    assert width(page) == pytest.approx(before / 1.4)
    page.key("-")
    assert width(page) == pytest.approx(before)
    page.key("+")
    page.value("document.getElementById('whole').click()")
    inside = page.value(
        """(() => {
          const s = stage.getBoundingClientRect();
          return groups.map(g => g.getBoundingClientRect()).every(b =>
            b.left >= s.left && b.right <= s.right && b.top >= s.top && b.bottom <= s.bottom);
        })()"""
    )
    assert inside


@in_a_browser
def test_another_size_of_the_window_keeps_what_stands_in_the_middle_and_its_scale(
    page: Page,
) -> None:
    page.value("start()")
    page.key("+")
    seen = """(() => {
      const b = svg.viewBox.baseVal, room = stage.getBoundingClientRect();
      return [b.x + b.width / 2, b.y + b.height / 2, b.width / room.width];
    })()"""
    before = page.value(seen)
    for wide in (640, 1000):
        size = {"width": wide, "height": 700, "deviceScaleFactor": 1, "mobile": False}
        page.send("Emulation.setDeviceMetricsOverride", **size)
        page.value("dispatchEvent(new Event('resize'))")  # the browser's own may come later
        assert page.value("innerWidth") == wide
        assert page.value(seen) == pytest.approx(before)


@in_a_browser
def test_the_keyboard_reaches_every_node_and_edge(page: Page) -> None:
    reached = page.value("groups.filter(g => g.tabIndex === 0).map(g => g.ariaLabel)")
    assert len(reached) == len(recurrent().nodes) + len(recurrent().edges)
    page.value("stage.focus()")
    page.send(
        "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
    )
    page.send(
        "Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9
    )
    assert panel(page) != ""
    page.key("Escape")
    assert panel(page) == ""


@in_a_browser
@pytest.mark.parametrize("dark", [False, True])
def test_the_colours_follow_the_viewer(dark: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.html"
    path.write_bytes(draw(small(), "html", theme="auto"))
    with opened(path, tmp_path, dark=dark) as page:
        body = page.value("getComputedStyle(document.body).backgroundColor")
        drawn = page.value("getComputedStyle(document.querySelector('svg rect')).fill")
        assert body == drawn == ("rgb(21, 24, 29)" if dark else "rgb(255, 255, 255)")
