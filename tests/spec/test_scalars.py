"""Plain scalars mean what the core schema of YAML 1.2 says."""

from __future__ import annotations

import pytest

from pccompiler.spec.scalars import NumberError, meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("+7", 7),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("null", None),
    ],
)
def test_a_plain_scalar_has_its_yaml_1_2_value(text: str, value: object) -> None:
    assert meaning(text) == value
    assert type(meaning(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "on", "yes", "off", "y", "12:30", "1_000", "2024-01-01", "tRUE", "0b1", "-0x1", "."],
)
def test_what_only_yaml_1_1_converts_stays_a_text(text: str) -> None:
    assert meaning(text) == text


@pytest.mark.parametrize(
    "text", [".inf", "-.Inf", ".NaN", "1e999", "9" * 20, "9" * 400, "0x" + "f" * 5000, "-1e9999"]
)
def test_numbers_without_a_finite_64_bit_value_are_refused(text: str) -> None:
    with pytest.raises(NumberError):
        meaning(text)


def test_the_largest_64_bit_integer_is_still_a_number() -> None:
    assert meaning(str(2**63 - 1)) == 2**63 - 1
