"""The format's documents are short; their examples and tables of numbers are those of the program and of real files."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import independent
import pytest
from independent import coder, jpeg_bytes, jpeg_coefficients, jpeg_pixels
from independent import lattice as lattices
from materials import GOLDEN

from nelloc.codec import format as numbers
from nelloc.codec.format import Layout, Method, SectionType
from nelloc.exact import model_store
from nelloc.image.kinds import Kind
from nelloc.image.limits import MAX_PIXELS
from nelloc.image.metadata import ItemType

DOCS = Path(__file__).parents[1] / "docs"
WIDEST = 100
# Most words of each document: the main one has half of the 7,100 that the whole had before version 1, or fewer.
MOST_WORDS = {
    "FORMAT.md": 3550,
    "methods/adaptive.md": 1100,
    "methods/learning.md": 700,
    "methods/lattices.md": 450,
    "methods/jpeg.md": 2400,
}
DOCUMENTS = {name: (DOCS / name).read_text() for name in MOST_WORDS}
TITLES = (
    "File", "Model file", "Order of coding", "Context", "Network", "Mixture", "Entropy coder", "Models as differences",
    "Samples of more than 8 bits", "Methods without a model", "Sections", "The adaptive coder", "Learning",
    "Learning of two layers", "Colour lattices", "JPEG files", "Pixels of a JPEG", "What may change",
)  # fmt: skip


def section(number: int) -> str:
    (text,) = (document for document in DOCUMENTS.values() if f"\n## {number}. " in document)
    return text.split(f"\n## {number}. ")[1].split("\n## ")[0]


def table(text: str, head: str) -> list[list[str]]:
    """The cells of the rows below the one that begins with ``head``."""
    rows = text.split(f"\n| {head} |", 1)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def integers(cell: str) -> list[int]:
    return [int(number, 0) for number in re.findall(r"0x[0-9a-fA-F]+|-?\d+", cell)]


def test_all_documents_of_methods_are_checked():
    assert {f"methods/{path.name}" for path in (DOCS / "methods").iterdir()} == set(MOST_WORDS) - {"FORMAT.md"}


@pytest.mark.parametrize("name", MOST_WORDS)
def test_lines_and_words_are_few(name):
    assert not [line for line in DOCUMENTS[name].splitlines() if len(line) > WIDEST]
    words = [word for word in DOCUMENTS[name].split() if re.search(r"\w", word)]
    assert len(words) <= MOST_WORDS[name], len(words)


def test_sections_keep_their_numbers():
    found = [title for document in DOCUMENTS.values() for title in re.findall(r"\n## (\d+)\. (.*)", document)]
    assert sorted(found, key=lambda one: int(one[0])) == [(str(n + 1), title) for n, title in enumerate(TITLES)]


def test_the_list_of_documents_has_the_sections_of_each():
    listed = {}
    for numbers_, text in table(DOCUMENTS["FORMAT.md"], "sections"):
        name = "FORMAT.md" if text.startswith("this one") else re.findall(r"\]\((.*)\)", text)[0]
        listed[name] = numbers_.replace("1 to 11", ", ".join(map(str, range(1, 12)))).split(", ")
    assert listed == {name: re.findall(r"\n## (\d+)\. ", text) for name, text in DOCUMENTS.items()}


def test_the_independent_decoder_shares_no_code_with_nelloc():
    sources = [path.read_text() for path in Path(independent.__file__).parent.glob("*.py")]
    imported = {name for text in sources for name in re.findall(r"^\s*(?:from|import) ([\w]+)", text, re.MULTILINE)}
    assert "independent" in imported
    assert imported - {"independent"} <= sys.stdlib_module_names


def test_signature_version_and_layouts():
    assert bytes.fromhex(re.findall(r"signature `([0-9A-F ]+)`", section(1))[0]) == numbers.SIGNATURE
    assert f"version {numbers.VERSION}, layout {Layout.SMALL:d} (small) or {Layout.TILED:d} (tiled)" in section(1)
    assert f"at most {numbers.SMALL_SIZE} x {numbers.SMALL_SIZE}" in section(1)
    assert f"(nelloc: 2^{MAX_PIXELS.bit_length() - 1})" in section(1)
    assert MAX_PIXELS.bit_count() == 1
    assert f"{numbers.OTHER_MODEL} another" in section(1)


def test_kinds_have_the_groups_of_the_program():
    planes = {"colour (1 plane)": [1], "colour (R, G, B)": [3], "colour, alpha (1 plane each)": [1, 1]}
    planes |= {"colour (R, G, B), alpha": [3, 1], "index (1 plane of at most 8 bits)": [1]}
    planes |= {"bilevel (1 plane of 1 bit)": [1]}
    listed = {}
    for cell, image, groups in table(section(1), "kind"):
        if image.startswith("reserved"):
            assert not set(range(*integers(cell))) & {int(kind) for kind in Kind}
        elif image.startswith("as "):
            joined = dict(zip(integers(cell), integers(image), strict=True))
        else:
            listed |= dict.fromkeys(integers(cell), planes[groups])
    assert listed == {int(kind): [group.planes for group in kind.groups] for kind in Kind}
    assert joined == {number: int(kind) for kind, number in numbers.JOINED_KINDS.items()}


def test_methods_are_those_of_the_program():
    names = {}
    for number, name, flags, _, _ in table(section(1), "method"):
        if name.startswith("reserved"):
            assert int(number) not in set(Method)
            continue
        method = Method(int(number))
        names[method] = name.partition(":")[0].upper()
        assert flags == "z" * method.drops_zeros + "c" * method.checks_pixels + "m" * method.needs_model
    assert names == {method: method.name for method in Method}


def test_methods_and_sections_name_the_part_that_describes_them():
    subjects = {"adaptive": "The adaptive coder", "learning": "Learning", "two_layers": "Learning of two layers"}
    subjects |= {
        "lattice": "Colour lattices",
        "coefficients": "JPEG files",
        "past: a JPEG's pixels": "Pixels of a JPEG",
    }
    subjects |= dict.fromkeys(["constant", "stored", "deflate", "rows"], "Methods without a model")
    cells = {name: cell for _, name, _, _, cell in table(section(1), "method")}
    assert {name: TITLES[int(cell) - 1] for name, cell in cells.items() if name != "mixture"} == subjects
    described = {number: cell for number, _, cell in table(section(1), "section")}
    assert [TITLES[int(described[number]) - 1] for number in ("0x86", "0x87")] == ["JPEG files", "Pixels of a JPEG"]


def test_sections_of_files_are_those_of_the_program():
    rows = {int(number, 0): holds for number, holds, _ in table(section(1), "section")}
    kept = {number: holds for number, holds in rows.items() if not holds.startswith("reserved")}
    assert set(kept) == {int(one) for one in SectionType}
    for one in set(SectionType) - {SectionType.MODEL, SectionType.DIFFERENCES}:
        assert kept[one].upper().startswith(one.name.replace("_", " "))
    assert {"its file" in kept[SectionType.MODEL], "differences" in kept[SectionType.DIFFERENCES]} == {True}
    assert numbers.CRITICAL == 0x80
    assert "unknown sections from 0x80 on" in " ".join(section(1).split())


def test_models_have_their_numbers_and_names():
    listed = {}
    for row in table(section(1), "number"):
        listed |= {int(number): (model.strip("`"), name) for number, model, name in (row[:3], row[3:])}
    assert {number: model for number, (model, _) in listed.items()} == {
        number: id_.hex() for number, id_ in numbers.MODEL_NUMBERS.items() if number
    }
    for model, name in listed.values():
        assert model_store.find(name).id.hex() == model


def test_items_of_metadata_are_those_of_the_program():
    listed = [number for row in table(section(11), "type") for number in integers(row[0])]
    assert listed == [int(item) for item in ItemType]


def test_the_example_is_the_golden_file_byte_by_byte():
    rows = table(section(1).split("**Example.**")[1], "bytes")
    data = (GOLDEN / "pixel.nlc").read_bytes()
    assert b"".join(bytes.fromhex(row[0].strip("`")) for row in rows) == data
    image = independent.decode(data, [])
    assert (image.kind, image.width, image.height) == (1, 1, 1)
    assert [plane[0] for plane in image.planes] == integers(rows[-1][1]) == [150, 153, 104]


def test_the_example_of_coded_pixels_is_what_a_decoder_does(monkeypatch):
    data, taken = (GOLDEN / "small-adaptive.nlc").read_bytes(), []
    digit, begin = coder.Coder.digit, coder.Coder.__init__

    def told(own, bounds):
        before = own.state
        found = digit(own, bounds)
        taken.append((before, bounds, found, own.state))
        return found

    def begun(own, content):
        assert (len(data) - len(content) - 1, len(content) + 1) == (9, 24)
        begin(own, content)

    monkeypatch.setattr(coder.Coder, "digit", told)
    monkeypatch.setattr(coder.Coder, "__init__", begun)
    image = independent.decode(data, [])
    text = " ".join(section(12).split("small-adaptive.nlc")[1].split())
    assert data[4:9] == bytes.fromhex(re.findall(r"`([0-9A-F ]{14})`", text)[0])
    assert (image.kind, image.width, image.height, data[9]) == (0, 16, 12, 2)
    before, bounds, found, after = taken[0]
    top, under, then = (int(word, 16) for word in re.findall(r"0x([0-9A-F]+)", text))
    assert (top << 32 | under, then, found) == (before, after, 3)
    assert f"are {', '.join(map(str, bounds[:4]))}; r = {before % (1 << 24)} makes it {found}" in text
    assert [one[2] for one in taken[1:5]] == [2, 3, 1, 0]
    assert "Digits 2, 3, 1, 0 follow: 180, residual 90, sample 90" in text
    assert image.planes[0][0] == 90 == int("2310", 4) // 2


def test_the_bytes_that_streams_begin_with_are_there():
    fence = re.findall(r"```\n((?:[0-9a-f]+\n)+)```", section(16))
    assert [bytes.fromhex("".join(lines.split())) for lines in fence] == [jpeg_bytes.USUAL]
    assert f"the {len(jpeg_bytes.USUAL)} bytes below" in " ".join(section(16).split())


def test_the_waves_are_those_of_a_decoder():
    rows = table(section(17), "k")
    assert [integers(row[1]) for row in rows] == jpeg_pixels.MATRIX
    assert [tuple(integers(row[2])) for row in rows] == jpeg_coefficients.HALF_ROWS


@pytest.mark.parametrize("row", table(section(15), "rule"), ids=lambda row: row[-1])
def test_lattices_are_those_of_a_decoder(row):
    rule, d, *formulas, _ = row
    text = section(15)
    luma, red, green, blue = (compile(formula.strip("`"), rule, "eval") for formula in formulas)
    others = {name: text.split(f"`{name} = ")[1].split("`")[0] for name in ("R", "B", "r3", "g3", "b3")}
    others = {name: compile(formula, name, "eval") for name, formula in others.items()}

    def value(code, y, u, v):
        names = {"Y": y, "U": u, "V": v, "u": u - 128, "v": v - 128}
        return eval(code, {}, names | {name: eval(other, {}, names) for name, other in others.items()})

    lattice = lattices.Lattice(int(rule))
    assert lattice.d == int(d)
    for y, u, v in [(0, 0, 0), (255, 255, 255), (16, 128, 128), (77, 3, 250), (200, 131, 99), (128, 156, 137)]:
        common = value(luma, y, u, v)
        r, g, b = (common + value(code, y, u, v) for code in (red, green, blue))
        parts = lattice.lumas[y]
        assert r == parts[0] + lattice.reds[v]
        assert g == parts[1] + lattice.greens[u][0] + lattice.greens[v][1]
        assert b == parts[2] + lattice.blues[u]
