"""Write the numbers of README.md, docs/GUIDE.md and the shipped models, and README's chart, from benchmarks/results.

    python scripts/write_readme.py            # after any change of the results, the models or the format
    python scripts/write_readme.py --check    # exit status 1 if something would change; a test does the same

Text between <!-- begin NAME --> and <!-- end NAME --> is made here, and so are weights/models.json, which
`nelloc models` prints, and the rates and speeds in the first table of weights/MODEL_CARD.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from nelloc.bench import markdown
from nelloc.bench.plots import Point, rate_against_speed

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
CHART = ROOT / "docs" / "images" / "kodak.svg"
DOCUMENTS = ("README.md", "docs/GUIDE.md")
RATE = "python benchmarks/rate.py --data ../shared/data --model MODEL --out benchmarks/results/rate SET"
FACTS, MODEL_CARD = ROOT / "weights" / "models.json", ROOT / "weights" / "MODEL_CARD.md"
# Codecs as the results and as people call them.
NAMES = {
    "png:9": "PNG",
    "webp:6": "WebP -z 6",
    "webp:9": "WebP -z 9",
    "jpegxl:3": "JPEG XL -e 3",
    "jpegxl:7": "JPEG XL -e 7",
    "jpegxl:9": "JPEG XL -e 9",
    "flif:60": "FLIF",
    "nelloc fast": "nelloc, `fast`",
    "nelloc default": "nelloc, `default`",
    "nelloc high": "nelloc, `high`",
}
TABLE = ("png:9", "webp:9", "flif:60", "jpegxl:7", "jpegxl:9", "nelloc fast", "nelloc default", "nelloc high")
SETS = {
    "kodak": "Kodak, 24 photographs",
    "cifar10": "CIFAR-10, 1000 test images, a file each",
    "thesis-imagenet10": "ten ImageNet photographs of the thesis",
    "thesis-1024": "three photographs of 1024 x 1024 of the thesis",
}
MODELS = ("fast", "default", "high")
# Rows of rate.csv without what nelloc knows of an image's past.
PLAIN = " --no-lattice --no-past"
PEERS = ("png:9", "webp:9", "jpegxl:9")
CIFAR_SEEN = 3800
STYLE = (
    "<style>svg{font:12px system-ui,sans-serif;background:#fff}text{fill:#333}.grid{stroke:#e4e4e4}"
    "circle.peer{fill:#7a7f87}circle.own{fill:#0b62d6}polyline{fill:none;stroke-width:1.5}"
    "polyline.peer{stroke:#c3c6cb}polyline.own{stroke:#8fb8ee}text.own{fill:#0b62d6;font-weight:600}"
    "@media(prefers-color-scheme:dark){svg{background:#15181c}text{fill:#d5d8dc}.grid{stroke:#2b3036}"
    "circle.own{fill:#5c9df5}text.own{fill:#5c9df5}polyline.peer{stroke:#4a4f57}}</style>"
)
# The commands of README, in a folder that has photo.png.
COMMANDS = ("nelloc compress photo.png", "nelloc info photo.nlc", "nelloc decompress photo.nlc back.png")


def measured() -> dict[str, Any]:
    """Results of benchmarks/kodak.py; the codecs by their names."""
    found = json.loads((RESULTS / "kodak.json").read_text())
    return found | {"codecs": {row["codec"]: row for row in found["codecs"]}}


def rates() -> dict[tuple[str, str], float]:
    """Bits per sample of whole files by set and model or peer, from rate.csv and peers.csv."""
    sums: dict[tuple[str, str], list[int]] = {}
    with (RESULTS / "rate.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            total = sums.setdefault((row["set"], row["model"]), [0, 0])
            total[0] += 8 * int(row["bytes"])
            total[1] += int(row["samples"])
    found = {key: bits / samples for key, (bits, samples) in sums.items()}
    with (RESULTS / "peers.csv").open(newline="") as file:
        return found | {(row["set"], row["peer"]): float(row["bpd"]) for row in csv.DictReader(file)}


def summary() -> str:
    codecs = measured()["codecs"]
    own, jxl, webp = (codecs[name] for name in ("nelloc default", "jpegxl:9", "webp:9"))

    def smaller(other: dict[str, Any]) -> str:
        return f"{1 - own['bytes'] / other['bytes']:.1%}".replace("%", " %")

    encode, decode = own["encode_speed"] / jxl["encode_speed"], jxl["decode_speed"] / own["decode_speed"]
    pace = f"{encode:.1f} times as fast" if encode >= 1 else f"{1 / encode:.1f} times slower"
    return wrapped(
        f"nelloc compresses photographs without loss: {smaller(jxl)} smaller than JPEG XL at effort 9 and "
        f"{smaller(webp)} smaller than WebP on the Kodak set. It encodes {pace} than that JPEG XL, and decodes "
        f"{decode:.0f} times slower ({own['decode_speed']:.1f} MB of pixels a second on one core). A file decodes to "
        "the same pixels, with the same bits, on every machine: every number that decides a bit is an integer."
    ).replace("times as fast than", "times as fast as")


def chart_caption() -> str:
    found = measured()
    machine = found["machine"]
    return "\n".join(
        [
            "![Bits per sample against decoding speed of PNG, WebP, FLIF, JPEG XL and nelloc](docs/images/kodak.svg)",
            "",
            *wrapped(
                f"Kodak, whole files, one thread of an {machine['processor'].strip()}, processor time "
                "([kodak.json](benchmarks/results/kodak.json); `python benchmarks/kodak.py --data DATA` measures "
                "yours)."
            ).splitlines(),
        ]
    )


def rate_table() -> str:
    codecs = measured()["codecs"]
    lines = markdown.head(["Kodak", "bits per sample", "of PNG", "encodes, MB/s", "decodes, MB/s"])
    for name in TABLE:
        row = codecs[name]
        cells = [f"{row['bits_per_dimension']:.3f}", f"{row['ratio_to_png']:.1%}".replace("%", " %")]
        cells += [f"{row[key]:.2f}" if row[key] < 10 else f"{row[key]:.0f}" for key in ("encode_speed", "decode_speed")]
        lines.append(markdown.row([NAMES[name], *cells]))
    found = rates()
    own, peer = found["cifar10", "default"], found["cifar10", "jpegxl:9"]
    note = wrapped(
        f"On small images the gain is larger: CIFAR-10's test images take {own:.3f} bits per sample, a file each, "
        f"and {peer:.3f} with JPEG XL -e 9. The networks have seen {CIFAR_SEEN:,} of CIFAR-10's *training* images, so "
        "that set is not new to them; they have seen no photograph of Kodak."
    )
    lattice = wrapped(
        "The table is without nelloc's rules of colours (`--no-lattice`). Kodak's images come from PhotoCDs, which use "
        f"one colour in nine; with that rule `default` takes {found['kodak', 'default']:.3f}. Images that were lossy "
        "files gain as well: ten ImageNet photographs, which are decoded JPEGs, take "
        f"{found['thesis-imagenet10', 'default']:.3f} bits per sample, and "
        f"{found['thesis-imagenet10', 'jpegxl:9']:.3f} with JPEG XL -e 9."
    )
    return "\n".join([*lines, "", lattice, "", note])


def set_table() -> str:
    found = rates()
    heads = ["set", *(NAMES[peer] for peer in PEERS), *(f"`{model}`" for model in MODELS), "`default`, with the past"]
    lines = markdown.head(heads)
    for name, title in SETS.items():
        own = [model if name == "cifar10" else f"{model}{PLAIN}" for model in MODELS]
        cells = [f"{found[name, codec]:.3f}" for codec in (*PEERS, *own, "default")]
        lines.append(markdown.row([title, *cells]))
    return "\n".join(lines)


@cache
def commands() -> str:
    """The commands of README with what they print."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    lines = ["```console"]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(ROOT / "docs" / "images" / "parrots.png", Path(folder, "photo.png"))
        for command in COMMANDS:
            words = [sys.executable, "-P", "-m", *command.split()]
            done = subprocess.run(
                words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
            )
            said = done.stdout.decode().splitlines()
            lines += [f"$ {command}", *(line for line in said if "runs on NumPy" not in line)]
    return "\n".join([*lines, "```"])


BLOCKS = {
    "summary": summary,
    "chart": chart_caption,
    "rates": rate_table,
    "sets": set_table,
    "commands": commands,
}


def chart() -> str:
    """The chart as SVG that needs no page around it."""
    points = []
    for name, row in measured()["codecs"].items():
        group = name.split(":")[0].split(" ")[0]
        label = NAMES[name].replace("`", "").replace("nelloc, ", "nelloc ")
        own = group == "nelloc"
        points.append(Point(label, group, own, row["decode_speed"], row["bits_per_dimension"]))
    drawn = rate_against_speed(points, "decoding")
    head, _, rest = drawn.partition(">")
    return f'{head} xmlns="http://www.w3.org/2000/svg">{STYLE}{rest}\n'


def wrapped(text: str, width: int = 100) -> str:
    """Text in lines of at most ``width`` columns; words are never broken."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return "\n".join([*lines, line])


def model_speeds() -> dict[str, dict[str, Any]]:
    """Decoding of each shipped model, by name, from speed_models.md: its id, the speed, and on what."""
    lines = (RESULTS / "speed_models.md").read_text("utf-8").splitlines()
    made = re.search(r"Made by `(.*?)` on (.*?),", "\n".join(lines))
    size, level = next(line for line in lines if line.startswith("| ")).split(" | ")[0][2:].split(", ")
    found = {}
    for line in lines:
        row = re.match(r"\| (\S+) \((\w+)\) \| \S+ \| (\S+) \| (\S+) \|", line)
        if row is not None and made is not None:
            on = f"{size} pixels in {row[3]} s, one core of an {made[2]}, CPU level {level}, {made_in('speed_models')}"
            found[row[1]] = {"id": row[2], "value": float(row[4]), "command": made[1], "on": on}
    return found


def made_in(result: str) -> str:
    return f"benchmarks/results/{result}.md"


def model_facts() -> str:
    """Make weights/models.json: rates and speeds of the shipped models, by their ids."""
    facts: dict[str, dict[str, Any]] = {}
    found = rates()
    for name, speed in model_speeds().items():
        own = facts[speed.pop("id")] = {}
        if name in MODELS:
            own["kodak_bpd"] = {
                "value": round(found["kodak", f"{name}{PLAIN}"], 4),
                "command": RATE,
                "on": f"24 whole files, {made_in('rate')}",
            }
        own["decode_megapixels_per_second"] = speed
    return json.dumps(facts, indent=1) + "\n"


def model_card(text: str) -> str:
    """The model card with the rates and speeds of its first table made anew."""
    found, speeds = rates(), model_speeds()
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("| name | id |"))
    rate, speed = (lines[head].split(" | ").index(cell) for cell in ("Kodak, bpd", "decodes, Mpx/s"))
    for number in range(head + 2, head + 2 + len(speeds)):
        cells = lines[number].split(" | ")
        name = cells[0].removeprefix("| ")
        in_gray = ("kodak-gray", name) in found
        bits = found["kodak-gray", name] if in_gray else found["kodak", f"{name}{PLAIN}"]
        cells[rate] = f"{bits:.4f}{' (in gray)' if in_gray else ''}"
        cells[speed] = f"{speeds[name]['value']:.3f}"
        lines[number] = " | ".join(cells)
    return "\n".join(lines) + "\n"


def filled(text: str) -> str:
    """A document with the text between its markers made anew."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}"

    pattern = r"(<!-- begin (\w+) -->)\n.*?(<!-- end \2 -->)"
    return re.sub(pattern, block, text, flags=re.DOTALL)


def wanted() -> dict[Path, str]:
    """The files that this script writes, as they should be."""
    documents = {ROOT / name: filled((ROOT / name).read_text("utf-8")) for name in DOCUMENTS}
    return documents | {CHART: chart(), FACTS: model_facts(), MODEL_CARD: model_card(MODEL_CARD.read_text("utf-8"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    changed = [path for path, text in wanted().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in changed:
        print(f"{path.relative_to(ROOT)}: {'differs from the results' if check else 'written'}")
        if not check:
            path.write_text(wanted()[path], "utf-8")
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
