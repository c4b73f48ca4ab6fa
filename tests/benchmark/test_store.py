"""The store: nothing lost, nothing twice, whatever interrupts it."""

from pathlib import Path

import pytest

from ivif.benchmark.store import Row, Store


def row(pair: str, value: float | None = 1.0, method: str = "average", metric: str = "en") -> Row:
    return Row("tno", method, pair, metric, value, "ok" if value is not None else "failed", seconds=0.25)


def test_rows_come_back_sorted_and_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([row("b"), row("a", None)])
    store.append([row("a", method="pkg.module:Class")])
    expected = [row("a", None), row("b"), row("a", method="pkg.module:Class")]
    assert store.rows() == expected
    store.compact()
    assert not store.journal.exists()
    assert Store(tmp_path).rows() == expected


def test_the_latest_row_wins_across_journal_and_files(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([row("a", 1.0), row("a", 2.0), row("b", 5.0)])
    store.compact()
    store.append([row("a", 3.0)])
    assert [found.value for found in store.rows()] == [3.0, 5.0]
    store.compact()
    assert [found.value for found in store.rows()] == [3.0, 5.0]


def test_a_line_cut_off_by_an_interruption_is_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([row("a"), row("b")])
    text = store.journal.read_text()
    store.journal.write_text(text[:-20])
    assert [found.pair for found in store.rows()] == ["a"]


def test_compaction_interrupted_half_way_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.append([row("a"), row("a", 4.0, method="maximum")])
    before = store.rows()

    def killed(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        raise KeyboardInterrupt

    monkeypatch.setattr("ivif.benchmark.store.write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        store.compact()
    monkeypatch.undo()
    assert store.rows() == before
    store.compact()
    assert store.rows() == before


def test_values_keep_every_bit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append([row("a", 0.1 + 0.2), row("b", float("inf"))])
    store.compact()
    assert [found.value for found in store.rows()] == [0.1 + 0.2, float("inf")]
