"""The pack: found from anywhere, and overlaid by a team's own."""

from pathlib import Path

import pytest

from regobs.config import Config, read_config
from regobs.errors import ExitCode, PackError
from regobs.pack import FOLDERS, bundled, find_pack

ROOT = Path(__file__).parents[1]


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def test_the_bundled_pack_of_a_checkout_is_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert bundled() == ROOT
    assert find_pack().file("exporters", "scrape.yaml").path == ROOT / "exporters" / "scrape.yaml"


def test_a_file_of_the_same_name_overrides_and_another_adds(tmp_path: Path) -> None:
    pack = find_pack(make(tmp_path, "exporters/scrape.yaml", "exporters/more.yaml", "alerts/runbooks/Mine.md"))
    layers = {file.name: file.layer for file in pack.files("exporters", "*.yaml")}
    assert layers["scrape.yaml"] == layers["more.yaml"] == "--pack"
    assert pack.file("exporters", "scrape.yaml").read() == "exporters/scrape.yaml"
    assert "runbooks/Mine.md" in [file.name for file in pack.files("alerts", "runbooks/*.md")]
    assert pack.overridden() == [
        ("alerts", "runbooks/Mine.md"),
        ("exporters", "more.yaml"),
        ("exporters", "scrape.yaml"),
    ]


def test_files_are_sorted_by_name_whatever_their_layer(tmp_path: Path) -> None:
    names = [
        file.name for file in find_pack(make(tmp_path, "exporters/a.yaml", "exporters/z.yaml")).files("exporters", "*")
    ]
    assert names == sorted(names)
    assert {"a.yaml", "scrape.yaml", "z.yaml"} <= set(names)


def test_hidden_files_and_folders_are_no_content(tmp_path: Path) -> None:
    pack = find_pack(make(tmp_path, "alerts/.x.rules.yaml", "alerts/__pycache__/x.pyc", "alerts/README.md"))
    assert not [file for file in pack.files("alerts", "*.rules.yaml") if file.layer == "--pack"]


def test_the_path_of_the_command_line_wins_over_the_configured_one(tmp_path: Path) -> None:
    make(tmp_path / "one", "exporters/scrape.yaml")
    make(tmp_path / "two", "exporters/scrape.yaml")
    config = read_config("pack = 'one'", tmp_path / "regobs.toml")
    assert find_pack(None, config).file("exporters", "scrape.yaml").path.is_relative_to(tmp_path / "one")
    assert find_pack(tmp_path / "two", config).file("exporters", "scrape.yaml").path.is_relative_to(tmp_path / "two")
    assert find_pack(None, Config()).layers == (("bundled", ROOT),)


def test_the_pack_says_where_it_comes_from(tmp_path: Path) -> None:
    make(tmp_path, "exporters/scrape.yaml")
    assert str(find_pack(tmp_path)) == f"{ROOT} (bundled) + {tmp_path} (--pack)"


def test_a_path_that_does_not_exist_or_is_a_file_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "file")
    for path, message in ((tmp_path / "none", "no such pack directory"), (tmp_path / "file", "this is a file")):
        with pytest.raises(PackError, match=message) as caught:
            find_pack(path)
        assert caught.value.exit_code is ExitCode.INPUT
        assert caught.value.next_step == "correct the path given to --pack"


def test_a_directory_that_is_no_pack_says_what_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(PackError) as caught:
        find_pack(make(tmp_path, "dashboard/x.py"))
    assert caught.value.value == "dashboard"
    assert all(folder in str(caught.value.expected) for folder in FOLDERS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dashboards/mine.py", "let its name end in .dashboard.py"),
        ("alerts/mine.slo.yml", "let its name end in .slo.yaml"),
        ("alerts/mine.rule.yaml", "let its name end in .rules.yaml"),
        ("exporters/scrape.yml", "let its name end in .yaml"),
    ],
)
def test_a_misspelled_name_is_refused_instead_of_left_out(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(PackError) as caught:
        find_pack(make(tmp_path, name))
    assert caught.value.location is not None
    assert caught.value.location.file == str(tmp_path / name)
    assert caught.value.next_step == hint


def test_a_missing_file_names_every_place_that_was_tried(tmp_path: Path) -> None:
    make(tmp_path, "exporters/more.yaml")
    with pytest.raises(PackError) as caught:
        find_pack(tmp_path).file("alerts", "none.rules.yaml")
    assert str(ROOT) in str(caught.value.value)
    assert str(tmp_path) in str(caught.value.value)


def test_a_file_that_is_no_utf_8_is_one_error(tmp_path: Path) -> None:
    make(tmp_path, "exporters/scrape.yaml").joinpath("exporters/scrape.yaml").write_bytes(b"\xff")
    with pytest.raises(PackError, match="UTF-8"):
        find_pack(tmp_path).file("exporters", "scrape.yaml").read()
