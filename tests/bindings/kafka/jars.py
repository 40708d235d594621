"""The jars of a Kafka server, from Maven, in a folder beside the repository that is filled once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.servers import missing, require

VERSION = "4.1.1"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>jackfield</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def kafka_jars() -> Path:
    """The folder; Maven fills it when it is not there, from where Maven is told to look."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jackfield"
    jars = cache / f"kafka-{VERSION}"
    if jars.is_dir():
        return jars
    maven = str(require("maven", "mvn"))
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        Path(folder, "pom.xml").write_text(_POM)
        command = [maven, "--quiet", "--batch-mode", "dependency:copy-dependencies", "-DoutputDirectory=jars"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            missing(f"Maven could not get Kafka {VERSION}: {done.stdout[-500:]}{done.stderr[-500:]}")
        if not jars.is_dir():  # another session may have been quicker
            shutil.move(Path(folder, "jars"), jars)
    return jars
