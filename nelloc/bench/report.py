"""Results as one self-contained HTML page: without scripts, and without fonts or pictures from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import Path

from PIL import Image

from nelloc.bench.measure import Measurement
from nelloc.bench.own import is_own
from nelloc.bench.peers.png import Png
from nelloc.bench.plots import Point, rate_against_speed
from nelloc.bench.results import Results
from nelloc.bench.summary import Row
from nelloc.bench.table import HEADS, cells, metadata_note

# Numbers of images with bars, and of losses with a thumbnail; the table of sizes has all.
MAX_BARS, MAX_LOSSES = 60, 24
_THUMBNAIL = (192, 144)


def page_of(results: Results, paths: Mapping[str, Path]) -> str:
    """Make the page; ``paths`` has the files of the images, by their names, for thumbnails."""
    sections = [
        _head(results),
        _codecs(results),
        _plots(results),
        _losses(results, paths),
        _bars(results),
        _sizes(results),
        _machine(results),
    ]
    style = files("nelloc.bench").joinpath("page.css").read_text()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>nelloc bench</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def _head(results: Results) -> str:
    count = len(results.images)
    own = next((row for row in results.rows if row.ranked and is_own(row.codec)), None)
    peer = next((row for row in results.rows if row.ranked and not is_own(row.codec)), None)
    text = f"<h1>nelloc bench</h1>\n<p class='muted'>{_images(count)}, {results.raw_bytes / 1e6:,.1f} MB of pixels.</p>"
    if own is not None and peer is not None:
        share = own.bytes / peer.bytes - 1
        word = "less" if share < 0 else "more"
        text += (
            f"\n<p><strong>{escape(own.codec)}</strong> takes {own.bytes:,} bytes, {abs(share):.1%} {word} than "
            f"<strong>{escape(peer.codec)}</strong>, the smallest of the others, with {peer.bytes:,}. "
            f"Another codec is smaller on {len(results.losses)} of {_images(count)}.</p>"
        )
    return text


def _codecs(results: Results) -> str:
    """Table of all codecs, and reasons why some are not ranked."""
    heads = (*HEADS[:-1], "memory MB<br>encode / decode")
    ranked = [row for row in results.rows if row.ranked]
    rows = [(row, [escape(cell) for cell in cells(row)]) for row in ranked]
    text = "<h2>Codecs</h2>\n" + _table(heads, [c for _, c in rows], [_kind(row) for row, _ in rows])
    if results.metadata_bytes:
        text += f"<p class='muted'>{escape(metadata_note(results))}.</p>\n"
    remarks = [f"{row.codec}: {row.remark}" for row in results.rows if not row.ranked]
    if remarks:
        text += _list("Not ranked", remarks)
    if results.missing:
        text += _list("Not found on this machine", [f"{m.name}: {m.reason}" for m in results.missing])
    if results.errors:
        text += _list("Not measured", [str(error) for error in results.errors])
    return text


def _plots(results: Results) -> str:
    """Plots of rate against speed, for encoding and decoding."""
    plots = []
    for title, speed in (("encoding", "encode_speed"), ("decoding", "decode_speed")):
        points = [
            Point(row.codec, row.codec.split(":")[0].split(" ")[0], is_own(row.codec), value, row.bits_per_dimension)
            for row in results.rows
            if row.ranked and (value := getattr(row, speed)) and row.bits_per_dimension is not None
        ]
        if points:
            plots.append(f"<div>{rate_against_speed(points, title)}</div>")
    if not plots:
        return ""
    note = "<p class='muted'>Down and to the right is better. Lines join the efforts, or models, of one codec.</p>"
    return f'<h2>Rate against speed</h2>\n{note}\n<div class="plots">{"".join(plots)}</div>'


def _losses(results: Results, paths: Mapping[str, Path]) -> str:
    """Images that another codec makes smaller."""
    text = "<h2>Images where another codec is smaller</h2>\n"
    if not results.losses:
        return text + "<p>None.</p>"
    rows = []
    for loss in results.losses[:MAX_LOSSES]:
        picture = _thumbnail(paths.get(loss.image))
        name = f'<div class="picture">{picture}<span class="words">{escape(loss.image)}</span></div>'
        own = f"{loss.nelloc_bytes:,} ({escape(loss.nelloc)})"
        peer = f"{loss.peer_bytes:,} ({escape(loss.peer)})"
        rows.append([name, own, peer, f"+{loss.excess:.1%}"])
    text += _table(("image", "nelloc, bytes", "smallest other, bytes", "larger by"), rows, [""] * len(rows))
    if len(results.losses) > MAX_LOSSES:
        text += f"<p class='muted'>And {len(results.losses) - MAX_LOSSES} more.</p>"
    return text


def _bars(results: Results) -> str:
    """Bars of every image: the smallest nelloc model, the smallest other codec, and PNG."""
    ranked = {row.codec for row in results.rows if "lossy" not in row.remark}
    by_image: dict[str, list[Measurement]] = {}
    for trial in results.trials:
        if trial.status == "ok" and trial.codec in ranked:
            by_image.setdefault(trial.image, []).append(trial)
    if not by_image:
        return ""
    widest = max(trial.bits_per_dimension or 0.0 for trial in _shown(list(by_image.values())[:MAX_BARS]))
    parts = []
    for name, trials in list(by_image.items())[:MAX_BARS]:
        first = trials[0]
        bars = "".join(_bar(trial, widest) for trial in _chosen(trials))
        size = f'<span class="muted">{first.width} × {first.height}</span>'
        parts.append(f'<div class="name">{escape(name)}<br>{size}</div><div>{bars}</div>')
    note = "Bits per dimension: the smallest nelloc model, the smallest other codec, and PNG."
    if len(by_image) > MAX_BARS:
        note += f" The first {MAX_BARS} of {len(by_image)} images; all are in the table below."
    return f"<h2>Image by image</h2>\n<p class='muted'>{note}</p>\n<div class=\"bars\">{''.join(parts)}</div>"


def _shown(images: Iterable[Sequence[Measurement]]) -> list[Measurement]:
    return [trial for trials in images for trial in _chosen(trials)]


def _chosen(trials: Sequence[Measurement]) -> list[Measurement]:
    """Smallest nelloc model, smallest other codec, and PNG, without duplicates."""
    sides = [
        [t for t in trials if is_own(t.codec)],
        [t for t in trials if not is_own(t.codec)],
        [t for t in trials if t.codec == Png().label],
    ]
    smallest = [min(side, key=lambda t: t.bytes or 0) for side in sides if side]
    return list(dict.fromkeys(smallest))


def _bar(trial: Measurement, widest: float) -> str:
    rate = trial.bits_per_dimension or 0.0
    kind = "own" if is_own(trial.codec) else "png" if trial.codec == Png().label else "peer"
    return (
        f'<div class="bar {kind}"><i style="width:{70 * rate / widest:.2f}%"></i>'
        f"<span>{rate:.3f} {escape(trial.codec)}</span></div>"
    )


def _sizes(results: Results) -> str:
    """Table of the sizes of all files."""
    codecs = [row.codec for row in results.rows]
    found = {(trial.image, trial.codec): trial for trial in results.trials}
    rows = []
    for name in results.images:
        row = [f"<span class='words'>{escape(name)}</span>"]
        for codec in codecs:
            trial = found[name, codec]
            row.append(f"{trial.bytes:,}" if trial.status == "ok" else f'<span class="bad">{trial.status}</span>')
        rows.append(row)
    table = _table(("image", *map(escape, codecs)), rows, [""] * len(rows))
    return f"<h2>All files</h2>\n<details><summary>Bytes of every file</summary>\n{table}</details>"


def _machine(results: Results) -> str:
    machine = results.machine
    timing = "not timed"
    if results.repeat:
        rounds = "one round" if results.repeat == 1 else f"the median of {results.repeat} rounds"
        threads = f"{results.threads} thread{'s' * (results.threads > 1)} for each codec"
        kind = "processor time, " if results.clock == "cpu" else ""
        timing = (
            f"{kind}{rounds} after one that checked every pixel; {threads}; for programs on PATH including start-up "
            "and files"
        )
    facts = {
        "processor": f"{machine.processor}, {machine.cores} core{'s' * (machine.cores > 1)}",
        "system": machine.system,
        "Python": f"{machine.python}, NumPy {machine.numpy}, Pillow {machine.pillow}",
        "timing": timing,
        "MB/s": "millions of bytes of pixels a second",
        "memory": "increase of a process with the codec loaded, for the largest image; programs on PATH in total",
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **{row.codec: row.version for row in results.rows},
    }
    items = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items())
    return f"<h2>Machine and versions</h2>\n<dl>{items}</dl>"


def _thumbnail(path: Path | None) -> str:
    """Small picture as a data URI; empty if the file is gone or cannot be shown."""
    if path is None:
        return ""
    out = io.BytesIO()
    try:
        with Image.open(path) as opened:
            opened.thumbnail(_THUMBNAIL)
            opened.convert("RGB").save(out, "JPEG", quality=70)
    except (OSError, ValueError):
        return ""
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}">'


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], kinds: Sequence[str]) -> str:
    """HTML table; cells are HTML already."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    body = "\n".join(
        f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for row, kind in zip(rows, kinds, strict=True)
    )
    return f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'


def _list(title: str, items: Iterable[str]) -> str:
    body = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<p class='muted'>{escape(title)}:</p>\n<ul>{body}</ul>\n"


def _kind(row: Row) -> str:
    return "own" if is_own(row.codec) else ""


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"
