"""Fetching Elasticsearch and OpenSearch: the JDK is found, refusals are clear, archives stay in their folder."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from tests import peers
from tests.peers import (
    ELASTICSEARCH,
    ELASTICSEARCH_8,
    OPENSEARCH,
    install,
    install_elasticsearch,
    install_opensearch,
    java,
    maven,
)
from tests.peers.elasticsearch import stand_in
from tests.peers.java import Releases, jdk_home
from tests.peers.peer import InstallError, Peer


def _jdk(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    for name in ("java", "javac"):
        (home / "bin" / name).write_text("#!/bin/sh\n")
        (home / "bin" / name).chmod(0o755)
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return home


def _script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("version", "enough"), [("1.8.0_392", False), ("20.0.2", False), ("21", True), ("25.0.3", True)]
)
def test_a_jdk_must_be_new_enough(tmp_path: Path, version: str, *, enough: bool) -> None:
    home = _jdk(tmp_path / "a-jdk", version)
    assert jdk_home(Releases(21), environ={"PATH": ""}, folders=(tmp_path,)) == (home if enough else None)


@pytest.mark.parametrize(("version", "fits"), [("16.0.2", False), ("17.0.15", True), ("23", True), ("24", False)])
def test_a_jdk_must_be_old_enough_where_a_server_says_so(tmp_path: Path, version: str, *, fits: bool) -> None:
    home = _jdk(tmp_path / "a-jdk", version)
    assert jdk_home(Releases(17, 23), environ={"PATH": ""}, folders=(tmp_path,)) == (home if fits else None)


def test_the_jdk_of_the_environment_comes_first_and_a_runtime_alone_is_none(tmp_path: Path) -> None:
    _jdk(tmp_path / "all" / "a", "25")
    named = _jdk(tmp_path / "named", "21.0.1")
    environ = {"PATH": "", "ES_JAVA_HOME": str(named), "JAVA_HOME": str(tmp_path / "nothing")}
    assert jdk_home(Releases(21), environ=environ, folders=(tmp_path / "all",)) == named
    (named / "bin" / "javac").unlink()
    assert jdk_home(Releases(21), environ=environ, folders=()) is None
    on_path = _jdk(tmp_path / "path", "21")
    assert jdk_home(Releases(21), environ={"PATH": str(on_path / "bin")}, folders=()) == on_path


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (install_elasticsearch.peer(ELASTICSEARCH), r"no JDK of release 21 or later.*apt-get install openjdk-21"),
        (install_elasticsearch.peer(ELASTICSEARCH_8), r"no JDK of release 17 to 23.*apt-get install openjdk-17"),
        (install_opensearch.peer(), rf"no JDK of release 21 or later, which OpenSearch {OPENSEARCH} needs"),
    ],
    ids=lambda value: value.title if isinstance(value, Peer) else "",
)
def test_without_a_jdk_or_maven_the_next_step_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, peer: Peer, said: str
) -> None:
    monkeypatch.setattr(java, "jdk_home", lambda releases: None)
    with pytest.raises(InstallError, match=said):
        peer.make(tmp_path)
    monkeypatch.setattr(java, "jdk_home", lambda releases: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match="Maven is not installed: apt-get"):
        peer.make(tmp_path)


def test_a_fetch_that_fails_leaves_nothing_in_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _script(tmp_path / "path", "mvn", "touch half; exit 1")
    monkeypatch.setattr(java, "jdk_home", lambda releases: tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}{os.pathsep}{os.environ['PATH']}")
    make = install_elasticsearch.peer(ELASTICSEARCH).make
    peer = Peer("Elasticsearch", tmp_path / "cache" / "elasticsearch-0", ("bin/elasticsearch",), make)
    assert install.main([peer]) == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_archive_is_unpacked_without_its_top_folder_and_with_its_modes(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        program = zipfile.ZipInfo("elasticsearch-0/bin/elasticsearch")
        program.external_attr = 0o755 << 16
        made.writestr(program, "#!/bin/sh\n")
        made.writestr("elasticsearch-0/plugins/", "")
    maven.unpack(archive, tmp_path / "out")
    assert os.access(tmp_path / "out" / "bin" / "elasticsearch", os.X_OK)
    assert (tmp_path / "out" / "plugins").is_dir()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("elasticsearch-0/../../x", "")
    with pytest.raises(InstallError, match="leaves its folder"):
        maven.unpack(archive, tmp_path / "out")


def test_what_is_there_is_not_installed_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made: list[Path] = []
    peer = Peer("A server", tmp_path / "a", ("program",), made.append)
    _script(tmp_path / "a", "program", "")
    assert install.main([peer]) == 0
    assert made == []
    assert capsys.readouterr().out == f"A server is there: {tmp_path / 'a'}\n"


def test_a_server_that_was_not_fetched_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REGOBS_PEERS", str(tmp_path))
    assert peers.fetched_elasticsearch(ELASTICSEARCH) is None


def test_only_types_that_the_distribution_lacks_are_replaced() -> None:
    mapping = {"dynamic": False, "properties": {"uri": {"type": "wildcard", "ignore_above": 9}, "n": {"type": "long"}}}
    expected = {"uri": {"type": "keyword", "ignore_above": 9}, "n": {"type": "long"}}
    assert stand_in(mapping) == {"dynamic": False, "properties": expected}
