"""Further ways of counting right answers, by rank, rarity and confidence: a row per method in each table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xclass.records.metric import Metric, MetricName
from xclass.records.record import Record
from xclass.report.row_metrics import adds_nothing
from xclass.report.text import code, escape, share_with_interval, table

_TITLES = {
    MetricName.PRECISION: "P@{k}",
    MetricName.RECALL: "R@{k}",
    MetricName.NDCG: "nDCG@{k}",
    MetricName.PSP: "PSP@{k}",
    MetricName.PSNDCG: "PSnDCG@{k}",
    MetricName.MRR: "MRR@{k}",
    MetricName.MACRO_RECALL: "macro R@{k}",
    MetricName.HEAD_RECALL: "head R@{k}",
    MetricName.TORSO_RECALL: "torso R@{k}",
    MetricName.TAIL_RECALL: "tail R@{k}",
    MetricName.CALIBRATION_ERROR: "calibration error",
    MetricName.COVERAGE: "coverage",
    MetricName.COVERED_ACCURACY: "right where covered",
}
_RANK = (MetricName.PRECISION, MetricName.RECALL, MetricName.NDCG, MetricName.MRR)
_RARE = (MetricName.PSP, MetricName.PSNDCG)
_BY_CLASS = (
    MetricName.MACRO_RECALL,
    MetricName.HEAD_RECALL,
    MetricName.TORSO_RECALL,
    MetricName.TAIL_RECALL,
)
_PLAIN = {
    MetricName.PSP: MetricName.RECALL,
    MetricName.PSNDCG: MetricName.NDCG,
    MetricName.MACRO_RECALL: MetricName.RECALL,
}
"""What else counts the same where classes are equally frequent."""
_CONFIDENCE = (MetricName.CALIBRATION_ERROR, MetricName.COVERAGE, MetricName.COVERED_ACCURACY)

_RANK_WORDS = (
    "**By rank.** P@k: of the first k answers those that are right. R@k: of a query's true classes those "
    "among the first k answers. nDCG@k: the same with less credit for a later place. MRR: one over the "
    "place of the first right answer."
)
_ONE_CLASS = " Every query has one true class here: P@k is R@k divided by k, and left out."
_RARE_WORDS = (
    "**Rare classes counted for more.** Each right answer is worth one over the propensity of its class, "
    "which is lower the rarer the class is in training; the sum is shown as a share of the best possible one."
)
_BY_CLASS_WORDS = (
    "**By class.** Macro: every class counts the same, however many queries it has. Head, torso and tail: "
    "recall of the classes that are frequent in training, and of the rare ones."
)
_CONFIDENCE_WORDS = (
    "**How sure a method may be.** A confidence is fitted to its scores on one half of the queries and "
    "judged on the other. Calibration error: how far it is, on average, from the share that is right "
    "(0 % is best). Coverage: the share of queries answered with at least the confidence asked for; right "
    "where covered: how many of those first answers are right."
)


def metric_title(metric: Metric) -> str:
    """``nDCG@5``."""
    return _TITLES[metric.name].format(k=metric.k)


def metrics_section(records: Sequence[Record]) -> str:
    """Tables of the metrics of one run, what they mean and what they depend on; empty where there are none.

    Args:
        records: one per method, phase and pass, in order.
    """
    judged = [record for record in records if record.metrics]
    failures = [
        f"- {code(record.method)}: making them failed: {escape(record.details['metrics_failure'])}."
        for record in records
        if record.details.get("metrics_failure")
    ]
    if not judged:
        return "\n".join(failures)
    is_single = all(_has_one_class(record.metrics) for record in judged)
    # Two tables, each no wider than a page.
    words, found = (_RANK_WORDS + _ONE_CLASS, _RANK[1:2]) if is_single else (_RANK_WORDS, _RANK[:2])
    parts = [
        _part(words, judged, found),
        _part("", judged, _RANK[2:]),
        _part(_RARE_WORDS, judged, _RARE),
        _part(_BY_CLASS_WORDS, judged, _BY_CLASS, k=1 if is_single else _most_answers(judged)),
        _part(_CONFIDENCE_WORDS, judged, _CONFIDENCE),
        "All are measured, each with its 95 % interval: Wilson's for shares of queries, else by drawing the "
        "queries again 1,000 times. summary.json has them for more numbers of answers.",
        "\n".join(failures),
    ]
    return "\n\n".join(part for part in parts if part)


def _most_answers(judged: Sequence[Record]) -> int:
    """Of a query's several classes one answer can find one."""
    return max(metric.k or 1 for record in judged for metric in record.metrics)


def _part(words: str, judged: Sequence[Record], names: Sequence[MetricName], k: int | None = None) -> str:
    """Words, table and notes of some metrics, of one number of answers if it is given."""
    keys = {
        metric.key: metric
        for record in judged
        for metric in record.metrics
        if metric.name in names and k in (None, metric.k) and not _says_nothing_more(metric)
    }
    if not keys:
        return ""
    found = [{metric.key: metric for metric in record.metrics} for record in judged]
    alike = [key for key in keys if _is_as_the_plain_one(key, found)]
    shown = [
        key for key in keys if key not in alike and any(_has_value(metrics.get(key)) for metrics in found)
    ]
    cells = [
        [code(record.method), *(_cell(metrics.get(key)) for key in shown)]
        for record, metrics in zip(judged, found, strict=True)
    ]
    headers = ["method", *(metric_title(keys[key]) for key in shown)]
    notes = [_notes(judged, found, {key: keys[key] for key in keys if key not in alike})]
    if alike:
        same = ", ".join(f"{metric_title(keys[key])} as {_plain_title(keys[key])}" for key in alike)
        notes.append(f"- Left out, because they say the same here: {same}.")
    parts = [
        words,
        table(headers, cells, num_text_columns=1) if shown else "",
        "\n".join(filter(None, notes)),
    ]
    return "\n\n".join(part for part in parts if part)


def _has_value(metric: Metric | None) -> bool:
    return metric is not None and metric.value is not None


def _plain_title(metric: Metric) -> str:
    return _TITLES[_PLAIN[metric.name]].format(k=metric.k)


def _is_as_the_plain_one(key: str, found: Sequence[Mapping[str, Metric]]) -> bool:
    """Whether it lies well within the interval of what counts all classes the same, for every method."""
    pairs = []
    for metrics in found:
        metric = metrics.get(key)
        plain = (
            metrics.get(f"{_PLAIN[metric.name]}_at_{metric.k}") if metric and metric.name in _PLAIN else None
        )
        if metric is None or plain is None or metric.value is None or plain.value is None:
            return False
        pairs.append((metric.value - plain.value, (plain.high or 0.0) - (plain.low or 0.0)))
    return all(adds_nothing(apart, width) for apart, width in pairs)


def _notes(
    judged: Sequence[Record], found: Sequence[Mapping[str, Metric]], keys: Mapping[str, Metric]
) -> str:
    """What values depend on, or why there are none: each note once, with all that it is of."""
    titles: dict[str, list[str]] = {}
    for key, metric in keys.items():
        methods: dict[str, list[str]] = {}
        for record, metrics in zip(judged, found, strict=True):
            if key in metrics and (note := metrics[key].note) is not None:
                methods.setdefault(note, []).append(code(record.method))
        for note, of in methods.items():
            # A value depends on the same for every method; that there is none may be true of some.
            is_of_all = len(of) == len(judged) or any(
                _has_value(m.get(key)) and m[key].note == note for m in found
            )
            title = metric_title(metric)
            titles.setdefault(note, []).append(title if is_of_all else f"{title} of {', '.join(of)}")
    return "\n".join(f"- {', '.join(of)}: {escape(note)}." for note, of in titles.items())


def _cell(metric: Metric | None) -> str:
    if metric is None or metric.value is None or metric.low is None or metric.high is None:
        return "-"
    share, low, high = share_with_interval(metric.value, metric.low, metric.high)
    return f"{share} % ({low} to {high})"


def _says_nothing_more(metric: Metric) -> bool:
    """With one answer there is no order: nDCG is precision, PSnDCG is PSP."""
    return metric.k == 1 and metric.name in (MetricName.NDCG, MetricName.PSNDCG)


def _has_one_class(metrics: Sequence[Metric]) -> bool:
    """Then precision at k is recall at k, divided by k, whatever was answered."""
    values = {metric.key: metric.value for metric in metrics}
    ks = [metric.k for metric in metrics if metric.name is MetricName.RECALL and metric.k is not None]
    return all(
        abs((values[f"recall_at_{k}"] or 0.0) - k * (values.get(f"precision_at_{k}") or 0.0)) < 1e-9
        for k in ks
    )
