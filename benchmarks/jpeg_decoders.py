"""Other JPEG decoders beside Pillow's libjpeg-turbo: how many pixels are the same that they make of JPEG files.

    python benchmarks/jpeg_decoders.py --data ../shared/data --out benchmarks/results/jpeg_decoders

Needs opencv-python-headless, av, imagecodecs and simplejpeg, and djpeg, cjxl, djxl and java (17) as programs. The files
are held-out photographs as Pillow saves them, of qualities 75 and 92. Writes OUT.md.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import imagecodecs
import numpy as np
import report
import simplejpeg
from images import load
from PIL import Image, __version__, features

from nelloc.bench import markdown

SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
_JAVA = """
import java.awt.image.BufferedImage;
import java.io.File;
import javax.imageio.ImageIO;

public class Decode {
    public static void main(String[] names) throws Exception {
        BufferedImage in = ImageIO.read(new File(names[0]));
        BufferedImage out = new BufferedImage(in.getWidth(), in.getHeight(), BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < in.getHeight(); y++)
            for (int x = 0; x < in.getWidth(); x++) out.setRGB(x, y, in.getRGB(x, y));
        ImageIO.write(out, "png", new File(names[1]));
    }
}
"""


def by_program(*commands: list[str], to: str = "out.ppm") -> Callable[[Path], np.ndarray]:
    """A decoder that runs commands, in which IN and OUT stand for files."""

    def decode(path: Path) -> np.ndarray:
        out = path.parent / to
        for command in commands:
            words = [{"IN": str(path), "OUT": str(out)}.get(word, word) for word in command]
            subprocess.run(words, check=True, capture_output=True, cwd=path.parent)
        return np.asarray(Image.open(out).convert("RGB"))

    return decode


def by_ffmpeg(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def version(*command: str) -> str:
    """The first line that a program says of itself."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return (done.stdout + done.stderr).splitlines()[0]


def decoders() -> dict[str, Callable[[Path], np.ndarray]]:
    """Decoders by name and version."""
    djpeg, djxl = version("djpeg", "-version"), version("djxl", "--version")
    simple = f"simplejpeg {simplejpeg.__version__}"
    jpegxl = [["cjxl", "--lossless_jpeg=1", "IN", "file.jxl"], ["djxl", "file.jxl", "OUT", "--bits_per_sample=8"]]
    return {
        f"OpenCV {cv2.__version__}": lambda path: cv2.imread(str(path))[..., ::-1],
        f"imagecodecs {imagecodecs.__version__}": lambda path: imagecodecs.jpeg8_decode(path.read_bytes()),
        f"Java ImageIO, {version('java', '-version')}": by_program(["java", "Decode.java", "IN", "OUT"], to="out.png"),
        simple: lambda path: simplejpeg.decode_jpeg(path.read_bytes()),
        f"{simple}, fast upsampling": lambda path: simplejpeg.decode_jpeg(path.read_bytes(), fastupsample=True),
        f"{simple}, fast transform": lambda path: simplejpeg.decode_jpeg(path.read_bytes(), fastdct=True),
        f"djpeg, {djpeg}": by_program(["djpeg", "-outfile", "OUT", "IN"]),
        "djpeg -nosmooth": by_program(["djpeg", "-nosmooth", "-outfile", "OUT", "IN"]),
        "djpeg -dct fast": by_program(["djpeg", "-dct", "fast", "-outfile", "OUT", "IN"]),
        "djpeg -dct float": by_program(["djpeg", "-dct", "float", "-outfile", "OUT", "IN"]),
        f"FFmpeg by PyAV {av.__version__}, to rgb24": by_ffmpeg,
        f"{djxl}, of a JPEG in JPEG XL": by_program(*jpegxl),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data folder with train-natural")
    parser.add_argument("--every", type=int, default=10, help="take one held-out photograph in this number")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    lines = markdown.head(["decoder", *SAMPLINGS])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Decode.java").write_text(_JAVA)
        files: dict[str, list[Path]] = {}
        for sampling, number in SAMPLINGS.items():
            for quality in (75, 92):
                for name, pixels in list(load(args.data, "held-out").items())[:: args.every]:
                    path = Path(folder) / f"{name}_{number}_{quality}.jpg"
                    Image.fromarray(pixels).save(path, quality=quality, subsampling=number)
                    files.setdefault(sampling, []).append(path)
        for name, decode in decoders().items():
            cells = []
            for paths in files.values():
                same = count = most = 0
                for path in paths:
                    made, usual = decode(path), np.asarray(Image.open(path))
                    same += int((made == usual).all(axis=-1).sum())
                    count += usual[..., 0].size
                    most = max(most, int(np.abs(made.astype(int) - usual).max()))
                cells.append("all" if same == count else f"{100 * same / count:.1f} %, off by up to {most}")
            lines.append(markdown.row([name, *cells]))
    usual = f"Pillow {__version__} with libjpeg-turbo {features.version_feature('libjpeg_turbo')}"
    head = f"Made by `{report.command_line('benchmarks/jpeg_decoders.py')}`. Pixels that are those of {usual}.\n\n"
    args.out.with_suffix(".md").write_text(head + "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
