"""Trains SiameseAlexNet: one AlexNet for both photos, and a head that says whether they show the same item.

python train_siamese_alexnet.py --train photos [--val more] [--epochs 30] …; all settings: nearid train --help
"""

import sys

from util.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "siamese_alexnet"]
    main()
