"""Trains AlphaAlexNet: AlexNet on nine channels, the photo with its shadows lit and its lights dimmed beside it.

python train_alphaalexnet.py --train photos [--val more] [--epochs 30] …; all settings: nearid train --help
"""

import sys

from util.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "alphaalexnet"]
    main()
