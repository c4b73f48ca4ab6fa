"""The commands of downstream; what each takes and does is imported when it is asked for."""

from __future__ import annotations

from ivif.command_line import Command, Group

GROUP = Group(
    "downstream",
    "What fused images are good for.",
    {
        "detect": Command(
            "find people in pictures, and score what is found",
            "ivif.downstream.commands:fill_detect",
            (
                "detect --dataset llvip --method laplacian,sdnet+rts",
                "detect --images DIR --labels DIR --detector yolov8n.pt",
            ),
        ),
        "track": Command(
            "follow people through sequences, and score the tracks",
            "ivif.downstream.commands:fill_track",
            ("track --dataset m3svd --method laplacian --save-video",),
        ),
        "train-detector": Command(
            "train a small detector a method: the protocol 'retrained'",
            "ivif.downstream.commands:fill_train_detector",
            ("train-detector --dataset llvip --split train --method average,sdnet",),
        ),
    },
    kept="what was detected is kept, the same command goes on from here",
)

main = GROUP.main
