"""Small tables of texts, written and read back."""

from xclass.data.text.prepare import prepare
from xclass.data.text.source import TextSource

SHARE = 0.3


def write_tsv(path, rows, joint="|"):
    lines = ["number\ttext\tclass"] + [f"{i}\t{t}\t{joint.join(c)}" for i, (t, c) in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def open_text(config, num_classes=None, seed=3):
    return TextSource(prepare(config), num_classes=num_classes, seed=seed)


def rows_of(source, batch):
    """(text, its class, names of all of its classes) of each example."""
    texts, sets = batch.inputs, batch.sets
    return [
        (
            texts.bytes_[texts.offsets[i] : texts.offsets[i + 1]].tobytes().decode(),
            source.class_name(int(batch.classes_B[i])),
            tuple(source.class_name(int(c)) for c in sets.classes[sets.starts[i] : sets.starts[i + 1]]),
        )
        for i in range(len(batch))
    ]
