"""Known holes in installed packages, by pip-audit; what nobody could be asked about is said, and fails nothing.

``python tests/audit.py`` is what ``tox -e audit`` runs after bandit. It exits with 1 where a hole is known.
"""

from __future__ import annotations

import json
import subprocess
import sys


def verdict(report: str) -> tuple[int, str]:
    """Exit code and what to say, from what pip-audit wrote as JSON; "" where it wrote none."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, "NOT CHECKED: the advisory service cannot be reached from here; nothing is known of any package"
    asked = [package for package in packages if "vulns" in package]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in asked
        for hole in package["vulns"]
    ]
    unknown = f"NOT CHECKED: {len(packages) - len(asked)} of {len(packages)} packages, which the service did not know"
    lines = [*holes, unknown] if len(asked) < len(packages) else holes
    return int(bool(holes)), "\n".join(lines or [f"no known hole in {len(asked)} packages"])


def main(arguments: list[str]) -> int:
    """Ask pip-audit about all installed packages."""
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    code, text = verdict(done.stdout)
    print(text if done.stdout else f"{text}\n{done.stderr.strip()[-1000:]}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
