"""Build nelloc: its packages, the shipped models, and the compiled core where there is a C compiler.

Everything else is in pyproject.toml. Where the core cannot be compiled the installation goes on without it, and nelloc
runs on NumPy.
"""

from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("native")
SOURCES = sorted(
    path.as_posix() for folder in ("src", "src/level", "binding") for path in (NATIVE / folder).glob("*.c")
)
HEADERS = sorted(path.as_posix() for path in NATIVE.rglob("*.h"))

# By the kind of compiler; no flag names a processor: each CPU level says in its file what its functions may use.
FLAGS = {"msvc": ["/std:c11", "/O2"], "unix": ["-std=c11", "-O3", "-g0"]}


class BuildCore(build_ext):
    """Compile the core with the flags of the compiler that is here."""

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = FLAGS.get(self.compiler.compiler_type, FLAGS["unix"])
        super().build_extension(ext)


core = Extension(
    "nelloc._native",
    SOURCES,
    depends=HEADERS,
    # The stable ABI of Python 3.11, the first whose buffers are part of it: one wheel serves all later ones.
    define_macros=[("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=True,
    optional=True,
)

setup(
    packages=[*find_packages(include=["nelloc", "nelloc.*"]), "nelloc.weights"],
    package_dir={"nelloc.weights": "weights"},
    package_data={
        "nelloc": ["py.typed"],
        "nelloc.bench": ["page.css"],
        "nelloc.plugins.freedesktop": ["nelloc.*"],
        "nelloc.weights": ["*.nlm", "models.json", "MODEL_CARD.md", "ood/*.safetensors"],
    },
    include_package_data=False,
    ext_modules=[core],
    cmdclass={"build_ext": BuildCore},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
