"""Evidence in tables: every measure of every network before and after, and where its aim is met."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Literal

from tabulate import tabulate

from ivif.benchmark.reports.evidence import CORE, NO_WORSE, Change, EvidenceBoard, NetworkEvidence, Verdict
from ivif.benchmark.reports.resampling import FEWEST, RESAMPLED
from ivif.benchmark.reports.statistics import RESAMPLES
from ivif.benchmark.reports.training_note import BRIEFLY_TRAINED, about_training
from ivif.datasets.csv_cells import plain_cell

EvidenceFormat = Literal["terminal", "md", "csv"]
EVIDENCE_FORMATS: tuple[EvidenceFormat, ...] = ("terminal", "md", "csv")

_WORDS = {1: "met", 0: "open", -1: "missed", None: "-"}
_MEASURES = ["network", "measure", "before", "after", "gain", "pairs won:lost", "effect", "p", "p core", "p table", ""]
_NOTES = (
    "gain: above 0 where the retrained network is better; of several seeds the mean, and the least and the most.",
    "effect: matched-pairs rank-biserial. p: Wilcoxon signed-rank, two-sided, of each pair's mean over seeds; core: "
    "corrected by Holm for the network's core metrics; table: for all metrics and networks of the data set. Better and "
    "worse are core metrics by p core, Nabf by p, others by p table.",
    f"95 %: bootstrap, {RESAMPLES} samples of images or sequences, drawn alike for both; none of fewer than {FEWEST}.",
    "The aim, core: met where a core metric became better and none worse. Nabf: met where it is not significantly "
    "worse. AP50 to MOTA: met or missed where the interval lies on one side of 0. open: neither is shown.",
)


def render_evidence(boards: Sequence[EvidenceBoard], form: EvidenceFormat) -> str:
    """Evidence as text; `form` is one of `EVIDENCE_FORMATS`."""
    if form == "csv":
        return _csv(boards)
    shares = {name: share for board in boards for name, share in board.trained_shares.items() if share < 1}
    parts = [part for board in boards for part in _parts(board, form)]
    parts += [_title("The aim", form), _aims(boards, form), *_NOTES]
    parts += [f"no interval: {note}" for board in boards for note in board.notes]
    parts += [f"{BRIEFLY_TRAINED} {about_training(shares)}"] if shares else []
    return "\n\n".join(parts) + "\n"


def _parts(board: EvidenceBoard, form: EvidenceFormat) -> Iterable[str]:
    ranks = f"mean ranks among {board.methods} methods by {len(board.ranked)} metrics"
    yield _title(f"{board.dataset}, {board.pairs} pairs; {ranks}", form)
    yield _table([row for network in board.networks for row in _rows(board, network)], _MEASURES, form)
    people = [row for network in board.networks for row in _people_rows(network)]
    if people:
        yield _table(people, ["network", "score", "before", "after", "gain", "95 %", "over", ""], form)


def _title(text: str, form: EvidenceFormat) -> str:
    return f"### {text}" if form == "md" else text


def _table(rows: Sequence[Sequence[str]], head: Sequence[str], form: EvidenceFormat) -> str:
    return tabulate(rows, head, tablefmt="github" if form == "md" else "simple", disable_numparse=True)


def _rows(board: EvidenceBoard, network: NetworkEvidence) -> Iterable[list[str]]:
    yield [_name(network), "mean rank ↓", *_numbers(network.rank), *[""] * 6]
    others = [metric.key for metric in board.metrics if metric.key not in (*CORE, NO_WORSE)]
    for metric in board.metrics:
        if metric.key not in others:
            change = network.metrics[metric.key]
            yield ["", f"{metric.label} {metric.arrow}", *_numbers(change), *_tested(change)]
    if others:
        better, worse = network.count(1, others), network.count(-1, others)
        yield ["", f"{len(others)} more", *[""] * 8, f"{better} better : {worse} worse"]


def _name(network: NetworkEvidence) -> str:
    return network.name if network.seeds == 1 else f"{network.name}, {network.seeds} seeds"


def _numbers(change: Change) -> list[str]:
    return [_number(change.before), _number(change.after), _gain(change)]


def _gain(change: Change) -> str:
    if not change.gains:
        return "-"
    mean = f"{sum(change.gains) / len(change.gains):+.3g}"
    return mean if len(change.gains) == 1 else f"{mean} ({min(change.gains):+.3g} .. {max(change.gains):+.3g})"


def _tested(change: Change) -> list[str]:
    if change.test is None:
        return ["-"] * 5 + [""]
    values = (_number(value, ".2g") for value in (change.test.p, change.p_core, change.p_table))
    return [f"{change.test.wins}:{change.test.losses}", f"{change.test.effect:+.2f}", *values, _word(change.outcome)]


def _word(outcome: Verdict) -> str:
    return {1: "better", -1: "worse"}.get(outcome or 0, "")


def _number(value: float, form: str = ".4g") -> str:
    return "-" if math.isnan(value) else format(value, form)


def _people_rows(network: NetworkEvidence) -> Iterable[list[str]]:
    for number, (score, change) in enumerate(
        (score, network.people[score.key]) for score in RESAMPLED if score.key in network.people
    ):
        interval = "-" if math.isnan(change.low) else f"{change.low:+.3f} .. {change.high:+.3f}"
        over = f"{change.count} {score.counted}".removesuffix("s" * (change.count == 1))
        name = "" if number else _name(network)
        yield [name, f"{score.label} {score.arrow}", *_numbers(change), interval, over, _word(change.outcome)]


def _aims(boards: Sequence[EvidenceBoard], form: EvidenceFormat) -> str:
    rows = [_aim_row(board, network) for board in boards for network in board.networks]
    head = ["network", "data set", "mean rank", "core better : worse", "Nabf", *(score.label for score in RESAMPLED)]
    return _table(rows, head, form)


def _aim_row(board: EvidenceBoard, network: NetworkEvidence) -> list[str]:
    counts = [network.count(outcome, CORE) for outcome in (1, 0, -1)]
    core = f"{counts[0]} : {counts[2]} of {sum(counts)}"
    people = (network.people.get(score.key, Change(math.nan, math.nan, ())) for score in RESAMPLED)
    nabf = network.metrics.get(NO_WORSE, Change(math.nan, math.nan, ()))
    return [
        _name(network),
        f"{board.dataset}, {board.pairs}",
        _aim(network.rank.outcome, f"{_number(network.rank.before, '.3g')} > {_number(network.rank.after, '.3g')}"),
        _aim(network.core, core),
        _aim(network.artifacts, f"{_number(nabf.before, '.3g')} > {_number(nabf.after, '.3g')}"),
        *(_aim(change.outcome, _gain(change)) for change in people),
    ]


def _aim(outcome: Verdict, detail: str) -> str:
    return _WORDS[outcome] if outcome is None else f"{_WORDS[outcome]}  {detail}"


_COLUMNS = (
    *("dataset", "pairs", "network", "seeds", "measure", "before", "after", "gain", "least_gain", "most_gain"),
    *("won", "lost", "effect", "p", "p_core", "p_table", "low", "high", "count", "outcome", "aim"),
)


def _csv(boards: Sequence[EvidenceBoard]) -> str:
    """Full precision, one row a measure; ``aim`` where it is part of the aim, for all core metrics in one row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for board in boards:
        for network in board.networks:
            names = {"dataset": plain_cell(board.dataset), "network": plain_cell(network.name)}
            start = names | {"pairs": board.pairs, "seeds": network.seeds}
            aims = {"rank": network.rank.outcome, NO_WORSE: network.artifacts}
            aims |= {key: change.outcome for key, change in network.people.items()}
            for key, change in {"rank": network.rank, **network.metrics, **network.people}.items():
                aim = {"aim": _WORDS[aims[key]]} if key in aims else {}
                writer.writerow(start | {"measure": key} | _cells(change) | aim)
            writer.writerow(start | {"measure": "core", "aim": _WORDS[network.core]})
    return text.getvalue()


def _cells(change: Change) -> dict[str, object]:
    """The columns of one measure, those without a number left out."""
    names = ("before", "after", "p_core", "p_table", "low", "high", "count", "outcome")
    cells: dict[str, object] = {name: getattr(change, name) for name in names}
    if change.gains:
        mean = sum(change.gains) / len(change.gains)
        cells |= {"gain": mean, "least_gain": min(change.gains), "most_gain": max(change.gains)}
    if test := change.test:
        cells |= {"won": test.wins, "lost": test.losses, "effect": test.effect, "p": test.p}
    return {name: value for name, value in cells.items() if not (isinstance(value, float) and math.isnan(value))}
