"""The `commgame` command of an installed copy.

Installed, the program's folders lie in a package of their own, `learning_to_draw`, as others are called `datasets` or
`models`, too. Here, and in this process alone, they come first.
"""

import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import commgame

    return commgame.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
