"""CSV files as inputs: what a header means, and where a bad cell stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pccompiler.diagnostics.diagnostic import DataError
from runtime.prediction.input_tables import has_numbered_header, read_table


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "in.csv"


def test_without_a_header_all_columns_are_the_units_in_order(file: Path) -> None:
    file.write_text("1,2.5,-3e-2\n4,5,6\n")
    [(name, values)] = read_table(file).items()
    assert name == "in"
    assert values.tolist() == [[1, 2.5, -0.03], [4, 5, 6]]


def test_a_header_names_nodes_and_units_in_any_order(file: Path) -> None:
    file.write_text('x[1],label,x[0],"a[0,0]","a[0, 1]"\n1,7,2,3,4\n5,8,6,7,8\n')
    found = read_table(file)
    assert {name: values.tolist() for name, values in found.items()} == {
        "x": [[2, 1], [6, 5]],
        "label": [7, 8],
        "a": [[[3, 4]], [[7, 8]]],
    }


def test_what_predict_writes_can_be_read(file: Path) -> None:
    file.write_text("sample,y_class,y[0],y[1],h\n0,1,0.25,0.75,3\nfirst,0,0.5,0.5,4\n")
    found = read_table(file)
    assert {name: values.tolist() for name, values in found.items()} == {"y": [1, 0], "h": [3, 4]}


def test_a_node_may_be_called_sample(file: Path) -> None:
    file.write_text("sample\n0.5\n")
    assert read_table(file)["sample"].tolist() == [0.5]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_byte_order_mark_line_ends_blanks_and_quotes_are_accepted(file: Path, ends: str) -> None:
    lines = ["\ufeffx[0],x[1]", "", ' 1 ,"2"', ",", "3,4", "", ""]
    file.write_text(ends.join(lines), newline="")
    assert read_table(file)["x"].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x[0],x[1]\n1,2\n3,n/a\n", r"in\.csv, line 3, column 2 \(`x\[1\]`\): `n/a` is no finite"),
        ("1,2\n3,4\nx,5\n", r"line 3, column 1: `x` is no finite number"),
        ("1,abc\n", r"line 1, column 2: `abc`"),
        ("1,\n", r"line 1, column 2: the cell is empty"),
        ("1,nan\n", r"line 1, column 2: `nan`"),
        ("1\n-inf\n", r"line 2, column 1: `-inf`"),
        ("1\n1_000\n", r"line 2, column 1: `1_000`"),
        ("1\n" + "9" * 400 + "\n", r"line 2, column 1: `9{40}\.\.\.` is no finite"),
        ("1,2\n3\n", r"line 2: it has 1 cells, not 2"),
        ("1,2\n3,4,\n", r"line 2: it has 3 cells, not 2"),
        ("1;2\n3;4\n", r"line 1, column 1: `1;2` .*commas"),
        ("größe\n3\n", r"line 1, column 1: `größe` names no unit"),
        ("x[0],x[0]\n1,2\n", r"line 1, column 2: `x\[0\]` is there twice"),
        ("x,x[0]\n1,2\n", r"line 1, column 2: .*another number of axes"),
        ("x[0],x[2]\n1,2\n", r"line 1: it has no column `x\[1\]`"),
        ('"x[0,0]","x[1,1]"\n1,2\n', r"no column `x\[0,1\]`"),
        ("x[999999999],x[0]\n1,2\n", r"no column `x\[1\]`"),
        ('"x[999999999,999999999,999999999]"\n1\n', r"no column `x\[0,0,0\]`"),
        ("x[],b\n1,2\n", r"line 1, column 1: `x\[\]` names no unit"),
        ("x[a],b\n1,2\n", r"column 1: `x\[a\]` names no unit"),
        (",b\n1,2\n", r"line 1, column 1: `` names no unit"),
        ("x\n", "a header and no samples"),
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ('x\n"1\n', r"line 2: .*unexpected end"),
        ("x\n" + "1" * 200_000 + "\n", r"line 2: .*field"),
    ],
)
def test_a_slip_is_told_with_its_line_and_column(file: Path, text: str, told: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError, match=f"PC555.*{told}") as error:
        read_table(file)
    assert len(error.value.diagnostics) == 1


@pytest.mark.parametrize("content", [b"x\n\xff\xfe1\n", b"PK\x03\x04\x80"])
def test_other_bytes_are_told(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"PC555.*not in UTF-8"):
        read_table(file)


def test_nul_bytes_are_no_numbers(file: Path) -> None:
    file.write_bytes(b"x\n1\x00\n")
    with pytest.raises(DataError, match=r"PC555.*line 2"):
        read_table(file)


def test_numbers_keep_their_bits(file: Path) -> None:
    values = np.random.default_rng(0).normal(size=(20, 3))
    file.write_text("\n".join(",".join(map(repr, row)) for row in values.tolist()))
    np.testing.assert_array_equal(read_table(file)["in"], values)


# -- headers of numbers ------------------------------------------------------------------


@pytest.mark.parametrize("first", ["0,1,2", " 0 , 1,2", '"0","1","2"'])
def test_the_numbers_of_the_columns_are_a_header(file: Path, first: str) -> None:
    file.write_text(f"{first}\n1,2,3\n4,5,6\n")
    assert read_table(file)["in"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert has_numbered_header(file)


@pytest.mark.parametrize("first", ["1,2,3", "0,2,1", "0.0,1.0,2.0", "2019,2020,2021"])
def test_other_numbers_are_a_sample_unless_they_are_said_to_be_a_header(
    file: Path, first: str
) -> None:
    file.write_text(f"{first}\n4,5,6\n")
    assert len(read_table(file)["in"]) == 2
    assert read_table(file, header=True)["in"].tolist() == [[4, 5, 6]]
    assert not has_numbered_header(file)


def test_without_a_header_the_numbers_of_the_columns_are_a_sample_too(file: Path) -> None:
    file.write_text("0,1\n4,5\n")
    assert read_table(file, header=False)["in"].tolist() == [[0, 1], [4, 5]]


def test_a_single_column_that_begins_with_0_has_to_be_told(file: Path) -> None:
    file.write_text("0\n0.5\n")
    with pytest.raises(DataError, match=r"PC555.*the first row is 0: .*--header or --no-header"):
        read_table(file)
    assert read_table(file, header=True)["in"].tolist() == [[0.5]]
    assert read_table(file, header=False)["in"].tolist() == [[0], [0.5]]


def test_names_are_no_numbers_where_there_is_no_header(file: Path) -> None:
    file.write_text("x[0],x[1]\n4,5\n")
    with pytest.raises(DataError, match=r"PC555.*line 1, column 1: `x\[0\]` is no finite number"):
        read_table(file, header=False)


def test_the_index_of_pandas_is_told(file: Path) -> None:
    file.write_text(",0,1\n0,4,5\n")
    with pytest.raises(DataError, match=r"PC555.*index=False"):
        read_table(file)
