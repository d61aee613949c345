"""What `--check` says."""

from pathlib import Path

from regobs.build.compare import SHOWN_LINES, compare


def test_equal_directories_have_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x\n")
    assert compare(tmp_path, {"a/b": b"x\n"}) == []


def test_each_difference_is_named_by_its_state(tmp_path: Path) -> None:
    (tmp_path / "changed").write_text("one\ntwo\n")
    (tmp_path / "foreign").write_text("x")
    found = compare(tmp_path, {"changed": b"one\n2\n", "missing": b""})
    assert [(one.name, one.state) for one in found] == [
        ("changed", "changed"),
        ("foreign", "foreign"),
        ("missing", "missing"),
    ]
    assert found[0].lines[2:] == ("@@ -1,2 +1,2 @@", " one", "-two", "+2")


def test_an_absent_directory_lacks_every_file(tmp_path: Path) -> None:
    assert [one.state for one in compare(tmp_path / "none", {"a": b"", "b": b""})] == ["missing", "missing"]


def test_a_long_diff_is_cut_and_says_how_much_is_not_shown(tmp_path: Path) -> None:
    lines = SHOWN_LINES * 2
    (tmp_path / "long").write_text("a\n" * lines)
    (found,) = compare(tmp_path, {"long": b"b\n" * lines})
    assert len(found.lines) == SHOWN_LINES + 1
    # two file names and one range stand before the lines that differ
    assert found.lines[-1] == f"... {2 * lines + 3 - SHOWN_LINES} more lines of this file"


def test_a_difference_in_bytes_that_are_no_text_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    assert [one.state for one in compare(tmp_path, {"a": b"\xfe"})] == ["changed"]
